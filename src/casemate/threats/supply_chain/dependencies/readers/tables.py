"""Files in TOML: pyproject.toml, poetry.lock, uv.lock, pdm.lock, pylock.toml (PEP 751), Pipfile."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

from casemate.threats.supply_chain.dependencies.model import (
    PYPI,
    Dependency,
    Origin,
    Read,
    normalized,
    without_credentials,
)
from casemate.threats.supply_chain.dependencies.readers.requirements import requirement, transport


def table(text: str) -> dict[str, Any]:
    """A TOML document.

    Raises:
        ValueError: it is none.
    """
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it nests too deep") from error


def pyproject(text: str, file: str, read: Read) -> None:
    """What a project declares: ranges as a rule, so most of it is known only once it is locked."""
    whole = table(text)
    project, build = _dict(whole.get("project")), _dict(whole.get("build-system"))
    groups = [project.get("dependencies"), build.get("requires")]
    groups += [*_dict(project.get("optional-dependencies")).values(), *_dict(whole.get("dependency-groups")).values()]
    for group in groups:
        for text_of in group if isinstance(group, list) else ():
            if isinstance(text_of, str) and (found := requirement(text_of, file)) is not None:
                read.dependencies.append(found)
    poetry = _dict(_dict(whole.get("tool")).get("poetry"))
    named = [poetry.get("dependencies"), poetry.get("dev-dependencies")]
    named += [_dict(group).get("dependencies") for group in _dict(poetry.get("group")).values()]
    for wanted in named:
        for name, asked in _dict(wanted).items():
            if name.lower() != "python":
                read.dependencies.append(_wanted(name, asked, file))
    _sources(
        [*_dicts(poetry.get("source")), *_dicts(_dict(_dict(whole.get("tool")).get("uv")).get("index"))], file, read
    )


def pipfile(text: str, file: str, read: Read) -> None:
    """A Pipfile."""
    whole = table(text)
    for section in ("packages", "dev-packages"):
        for name, asked in _dict(whole.get(section)).items():
            read.dependencies.append(_wanted(name, asked, file))
    _sources(_dicts(whole.get("source")), file, read)


def lock(text: str, file: str, read: Read) -> None:
    """poetry.lock, uv.lock, pdm.lock and pylock.toml: all list packages with a name and a version."""
    whole = table(text)
    packages = _dicts(whole.get("package")) or _dicts(whole.get("packages"))
    old = _dict(_dict(whole.get("metadata")).get("files"))
    for package in packages:
        name, version = str(package.get("name", "")), package.get("version")
        origin, url = _origin(package)
        if origin is Origin.PATH and url in {".", ""}:
            continue  # the project itself
        transport(url, file, 0, read)
        hashes = len(list(_hashes(package))) + len(_dicts(old.get(name)))
        exact = str(version) if isinstance(version, str | int | float) else None
        asked = without_credentials(url)[:200] if url else f"{name}=={exact}"
        read.dependencies.append(Dependency(normalized(name), exact, PYPI, file, 0, origin, hashes, asked))


def _origin(package: dict[str, Any]) -> tuple[Origin, str]:
    source = _dict(package.get("source"))
    kind, url = str(source.get("type", "")), str(source.get("url", ""))
    if kind == "git" or "git" in source:
        return Origin.VCS, str(source.get("git", url))
    if kind in {"url", "directory", "file"}:
        return (Origin.URL if kind == "url" else Origin.PATH), url
    for key in ("editable", "virtual", "directory", "path"):
        if key in source:
            return Origin.PATH, str(source[key])
    if "url" in source and not kind:
        return Origin.URL, url
    if isinstance(package.get("vcs"), dict) or isinstance(package.get("git"), str):  # PEP 751, pdm
        return Origin.VCS, str(_dict(package.get("vcs")).get("url", package.get("git", "")))
    if isinstance(package.get("archive"), dict):
        return Origin.URL, str(package["archive"].get("url", ""))
    if isinstance(package.get("directory"), dict) or isinstance(package.get("path"), str):
        return Origin.PATH, str(_dict(package.get("directory")).get("path", package.get("path", "")))
    return Origin.REGISTRY, ""


def _hashes(package: dict[str, Any]) -> Iterator[str]:
    files = [*_dicts(package.get("files")), *_dicts(package.get("wheels"))]
    files += [each for each in (package.get("sdist"), package.get("archive")) if isinstance(each, dict)]
    for each in files:
        if each.get("hash") or each.get("hashes"):
            yield str(each.get("hash") or each.get("hashes"))


def _wanted(name: str, asked: Any, file: str) -> Dependency:
    about = _dict(asked)
    words = asked if isinstance(asked, str) else str(about.get("version", ""))
    exact = words.lstrip("=").strip()
    fixed = words.startswith("==") or (exact[:1].isdigit() and "," not in exact and "*" not in exact and words == exact)
    for key, origin in (("git", Origin.VCS), ("url", Origin.URL), ("path", Origin.PATH), ("file", Origin.URL)):
        if key in about:
            return Dependency(
                normalized(name), None, PYPI, file, 0, origin, 0, without_credentials(str(about[key]))[:200]
            )
    return Dependency(normalized(name), exact if fixed else None, PYPI, file, asked=f"{name} {words}"[:200])


def _sources(sources: list[dict[str, Any]], file: str, read: Read) -> None:
    """Indexes asked for any name: one alone takes the place of the public one; two, or one beside it, are a race."""
    asked = [
        each for each in sources if each.get("url") and not each.get("explicit") and each.get("priority") != "explicit"
    ]
    for source in sources:
        transport(str(source.get("url", "")), file, 0, read)
    for source in asked:
        if len(asked) > 1 or source.get("priority") == "supplemental":
            message = f"{without_credentials(str(source['url']))} is asked beside another index"
            read.fact("dependency.extra-index", message, file)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
