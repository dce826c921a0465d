"""Folders are sealed file by file: each file is a sealed file of its own, under its own data key.

The name in each header is the file's path in the folder, so that files cannot take each other's places. That a whole
file is missing is not seen here; a signature over the folder's manifest sees it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from casemate.core.errors import StorageError, TamperedError, UnreadableError, UsageError
from casemate.core.observer import Observer
from casemate.custody.envelope.layout import ANY_KEYS, MAGIC, Policy
from casemate.custody.envelope.publish import Draft
from casemate.custody.envelope.reading import Unsealed, open_encrypted
from casemate.custody.envelope.sealing import Sealed, encrypt_file
from casemate.keys.services import KeyService

SUFFIX: Final = ".sealed"
"""What is added to the name of a file when it is sealed."""


def encrypt_folder(
    source: Path | str,
    goal: Path | str,
    services: Sequence[KeyService],
    *,
    policy: Policy = ANY_KEYS,
    overwrite: bool = False,
    observer: Observer | None = None,
) -> list[Sealed]:
    """Seal each file below a folder into the same place below another, with ".sealed" added to its name.

    Args:
        source: a folder of regular files; a link to a file is sealed as that file, a link to a folder is refused.
        goal: the folder to write to, outside ``source``; made when missing.
        services: the keys that will open the files.
        policy: what holds for each file as long as it lives.
        overwrite: whether sealed files that are there already may be replaced.
        observer: hears of each segment.

    Raises:
        UnreadableError: something below ``source`` is not a regular file, or changes while it is read.
        UsageError: the folder is empty, or ``goal`` lies inside it.
        KeyServiceError: a service cannot be reached, or refuses.
        StorageError: a file cannot be written. Files that are there by then are whole.
    """
    source, goal = Path(source), Path(goal)
    if goal.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"{goal} lies inside {source}", next_step="choose a folder outside of it")
    names = list(_files(source))
    if not names:
        raise UsageError(f"there is no file in {source}", next_step="give the folder of a model")
    done = []
    for name in names:
        target = goal / f"{name}{SUFFIX}"
        _make(target.parent)
        done.append(
            encrypt_file(
                source / name, target, services, name=str(name), policy=policy, overwrite=overwrite, observer=observer
            )
        )
    return done


def decrypt_folder(
    source: Path | str,
    goal: Path | str,
    keys: Sequence[KeyService],
    *,
    overwrite: bool = False,
    observer: Observer | None = None,
) -> list[Unsealed]:
    """Unseal each sealed file below a folder into its place below another.

    Args:
        source: a folder written by `encrypt_folder`.
        goal: the folder to write to, outside ``source``; made when missing.
        keys: key services that open the files.
        overwrite: whether files that are there already may be replaced.
        observer: hears of each segment.

    Raises:
        UnreadableError: a file is not a sealed file.
        TamperedError: a file was changed, or lies where another was.
        UsageError: the folder is empty, or ``goal`` lies inside it.
        KeyServiceError: no key opens a file, or a service could not be reached, or refused.
        StorageError: a file cannot be written. Files that are there by then are whole and verified.
    """
    source, goal = Path(source), Path(goal)
    if goal.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"{goal} lies inside {source}", next_step="choose a folder outside of it")
    names = list(_files(source))
    if not names:
        raise UsageError(f"there is no file in {source}", next_step="give the folder that was sealed")
    done = []
    for name in names:
        if name.suffix != SUFFIX:
            raise UnreadableError(f"{source / name} is not a sealed file", next_step="remove it, or move it away")
        plain = name.with_suffix("")
        with open_encrypted(source / name, keys) as opened:
            if opened.name != str(plain):
                raise TamperedError(
                    f"{source / name} is another file than the one that was sealed there",
                    cause=f"its header says {opened.name!r}",
                    next_step="get the folder again",
                )
            target = goal / plain
            _make(target.parent)
            with Draft(target, overwrite=overwrite) as draft:
                opened.write_to(draft.descriptor, observer)
                draft.publish()
            done.append(Unsealed(target, opened.name, opened.size, opened.sequence, opened.policy))
    return done


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageError(
            f"the folder {folder} cannot be made", cause=error.strerror or str(error), next_step="check the path"
        ) from error


def is_sealed(path: Path | str) -> bool:
    """Whether a file begins as sealed files do; its content says so, not its name."""
    try:
        with Path(path).open("rb") as stream:
            return stream.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def _files(folder: Path) -> Iterator[PurePosixPath]:
    """Paths of all files below a folder, sorted. Ends, because links to folders are not followed."""
    for base, folders, files in os.walk(folder, onerror=_fail):
        folders.sort()
        for name in folders:
            if (Path(base) / name).is_symlink():
                raise UnreadableError(
                    f"{Path(base) / name} is a link to a folder", next_step="copy what it leads to, or remove the link"
                )
        for name in sorted(files):
            yield PurePosixPath((Path(base) / name).relative_to(folder).as_posix())


def _fail(error: OSError) -> None:
    raise UnreadableError(
        f"{error.filename} cannot be read", cause=error.strerror or str(error), next_step="check its permissions"
    )
