"""What matches and is harmless: placeholders, references to variables, digests. One small function a reason.

A stage sees the match, its line and the file's name. It never sees another match, so the order of stages does not
matter for the outcome, only for the reason that is told first.
"""

from __future__ import annotations

import functools
import hashlib
import math
import re
import tomllib
from collections import Counter
from collections.abc import Callable
from importlib import resources
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import unquote

_WORDS = re.compile(
    r"example|placeholder|change.?me|change.?this|your[_\-. ]?|dummy|\bfake|fake\b|sample|redacted|insert|replace|todo"
    r"|not.?a?.?real|invalid|xxxx|\.\.\.|some[_-]?(?:key|secret|token|password)|my[_-]?(?:key|secret|"
    r"token|password|api)|lorem|enter.?here|here>|hidden|masked"
    r"|^pass(?:w(?:or)?d)?[\W_]?\d{0,4}\W?$",
    re.IGNORECASE,
)
_TYPED = re.compile(
    r"foo.?bar|deadbeef|abc123|asdf|qwerty|hunter2|letmein|t0p.?s3cret|top.?secret",
    re.IGNORECASE,
)
_VARIABLE = re.compile(
    r"^\$|\$\{|\$\(|\{\{|\}\}|^\{[\w.:!\[\]'\"]*\}$|\{[A-Za-z_]\w*\}|%\(|^%[\w]+%|^%[sdr]$|%[sdr][.\-:/]|<%|^<[^>]*>?$|^\[[^\]]*\]?$|process\.env|environ|getenv"
    r"|secrets\.|vars\.|^&|^\*|^!|^@|\bsettings\.|\bconfig\.|\bself\.|\bthis\.|\bargs\.|\bNone\b|\bnull\b|\bundefined\b",
)
_DIGEST_LINE = re.compile(
    r"sha-?\d|\bsha\b|md5|digest|integrity|checksum|hash|commit|revision|\brev\b|etag|fingerprint|blake|\boid\b|signature"
    r"|thumbprint|\bcrc|nonce|public[_-]?key|\bpub\b|fixture|guid|uuid",
    re.IGNORECASE,
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEX = re.compile(r"(?:[0-9a-f]{32,}|[0-9A-F]{32,})")
_PATH = re.compile(
    r"^(?:[a-z][a-z0-9+.-]{1,15}:/|file:|arn:|urn:|\.{0,2}/|~/|[A-Za-z]:[\\/])|^[\w.+-]+/[\w.+/-]+$|\.\w{2,4}$|^[\w.+-]+@[\w-]+\.|^[a-z][a-z-]*-\d+(?:\.\d+)+$"
)
_ASSIGNED = re.compile(
    r"([\w.\-]+)[\"'`\\\])]{0,4}(?:\s?:?\s?[Ss]tr(?:ing)?)?\s{0,8}(?:=>|[?.+]=|:{1,3}=|={1,2}|[:,>])\s{0,8}[bruf]?[\"'`\\]{0,3}$"
)
_ABOUT = re.compile(
    r"(?:^|[_\-.]|(?<=[a-z0-9])(?=[A-Z]))(?i:id|identifier|name|path|file|dir|ur[li]|type|arn|version|length|size|count|alias|label"
    r"|field|header|prefix|suffix|format|regex|pattern|class|param|endpoint|provider|method|scope|expires|ttl|hash|digest|status"
    r"|policy)s?$|(?i:pub(?:lic|lishable|key|[_-])|[cx]srf)",
)
_CLIENT = re.compile(r"\w{0,40}SDK\.(?:init\w{0,10}|configure|start)\s?\((?:[\w\s]{0,30}[:=]\s?)?[\"']?$")
_DOTTED = re.compile(r"^[A-Za-z_]\w{0,39}(?:(?:\.|::|->)[A-Za-z_]\w{0,39})+$")
_CODE = re.compile(r"[(){}\[\]<>|]|=>|==(?!$)|\\[wdsb]|\s")
_WORDLIKE = re.compile(r"^[^\W\d_]+(?:[_\-.:/ ](?:[^\W\d_]+|[A-Za-z]\d[A-Za-z]))*\d{0,2}$")
_ONE_WORD = re.compile(r"([A-Z]?[a-z]+(?:[A-Z][a-z]{2,})*|[A-Z]+)\d{0,2}")
_CONSONANTS = re.compile(r"[^aeiouy]{5}", re.IGNORECASE)
_NUMBERED = re.compile(r"^[a-z]{2,12}\d{0,2}(?:[_\-.](?:[a-z]{2,12}\d{0,2}|\d{1,12})){1,8}$")
_HUMPS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_LOCKS = re.compile(
    r"(?:^|/)(?:[\w.-]*\.lock|[\w-]*lock\.(?:json|yaml|yml|toml)|pnpm-lock\.yaml|go\.sum|npm-shrinkwrap\.json|RECORD"
    r"|Cargo\.lock|[\w.-]+\.sum|SHA\d+SUMS[\w.]*|MANIFEST\.MF)$"
)
_FIXTURE = re.compile(
    r"(?:^|/)(?:[^/]*[_-])?(?:tests?|t|testing|assets|fixtures?|examples?|samples?|docs?|mocks?|__mocks__|spec|specs|testdata|demos?|e2e|"
    r"integration|tutorials?|cassettes|benchmarks?)(?:[_-][^/]*)?(?:/|$)|(?:^|/)(?:test_[^/]*|[^/]*_tests?\.\w+|conftest\.py|"
    r"[^/]*\.(?:test|spec)\.[jt]sx?|[^/]*example[^/]*|CHANGES[^/]*|CHANGELOG[^/]*|HISTORY[^/]*|NEWS[^/]*|README[^/]*|PKG-INFO|METADATA)$",
    re.IGNORECASE,
)
FEW = 3


class Context(NamedTuple):
    """What a stage may look at: the match, the line around it, and the file's name with its folders."""

    match: str
    line: str
    name: str


def entropy(text: str) -> float:
    """Shannon entropy in bits a character.

    Example:
        >>> entropy("aaaa"), entropy("abab")
        (0.0, 1.0)
    """
    return sum(-count / len(text) * math.log2(count / len(text)) for count in Counter(text).values()) + 0.0


def placeholder(context: Context) -> bool:
    """It says that it is none, "your-key-here", or most of it is what everybody types, "qwerty", "hunter2"."""
    text = context.match
    if any(_cased(found[0]) for found in _WORDS.finditer(text)):
        return True
    return sum(len(found[0]) for found in _TYPED.finditer(text)) * 2 >= max(len(text), 1)


def published(context: Context) -> bool:
    """A key that its owner has put into public documentation or samples, known by its digest."""
    return hashlib.sha256(context.match.encode()).hexdigest() in _published()


def repeated(context: Context) -> bool:
    """A few characters over and over, or one run that is most of it."""
    text = context.match
    body = text[max(text.rfind("_"), text.rfind("-")) + 1 :] if len(text) > 12 else text
    body = body if len(body) >= 6 else text
    run, longest = 1, 1
    for before, after in pairwise(body):
        run = run + 1 if before == after else 1
        longest = max(longest, run)
    return len(set(body)) <= FEW or longest >= max(6, len(body) // 2) or _period(body)


def sequence(context: Context) -> bool:
    """Typed by walking the alphabet or the digits: "abcdef0123456789"."""
    text = context.match
    steps = sum(ord(after) - ord(before) == 1 for before, after in pairwise(text))
    return len(text) >= 8 and steps * 2 >= len(text)


def variable(context: Context) -> bool:
    """A reference, to be filled in when the program runs: ``${TOKEN}``, ``{{ token }}``, ``%(token)s``."""
    return _VARIABLE.search(context.match) is not None


def uuid(context: Context) -> bool:
    """A UUID names something; on its own it opens nothing."""
    return _UUID.fullmatch(context.match) is not None


def digest(context: Context) -> bool:
    """A hash where hashes belong: the line says so, or the file is a lock file."""
    if lock_file(context):
        return True
    return _HEX.fullmatch(context.match) is not None and _DIGEST_LINE.search(context.line) is not None


def lock_file(context: Context) -> bool:
    """Lock files are full of digests and hold no secrets."""
    return _LOCKS.search(context.name) is not None


def path(context: Context) -> bool:
    """A path, a URL, a file's name, an e-mail address, or a dotted name in code."""
    return _PATH.search(context.match) is not None or _DOTTED.match(context.match) is not None


def label(context: Context) -> bool:
    """Assigned to something that names, counts or points to a secret, or is public: ``token_url``, ``csrf``."""
    found = _ASSIGNED.search(context.line[: max(context.line.find(context.match), 0)])
    return found is not None and _ABOUT.search(found[1]) is not None


def client(context: Context) -> bool:
    """What a client's SDK is started with: every copy of the program carries it."""
    return _CLIENT.search(context.line[: max(context.line.find(context.match), 0)]) is not None


def code(context: Context) -> bool:
    """An expression rather than a literal."""
    return _CODE.search(context.match) is not None


def words(context: Context) -> bool:
    """Words, perhaps joined, perhaps numbered: "csrf_token", "Authorization", "test-key-1"."""
    text = unquote(context.match)
    if _WORDLIKE.match(text) is None:
        return False
    humps = _HUMPS.findall(text)
    vowels = sum(letter in "aeiouyAEIOUY" or not letter.isascii() for letter in text)
    return len(humps) * 4 <= len(text) and vowels * 6 >= len(text)


def word(context: Context) -> bool:
    """One long word, or several without a sign between: a third of it vowels, never five consonants on end."""
    letters = _ONE_WORD.fullmatch(context.match)
    if letters is None or _CONSONANTS.search(letters[1]):
        return False
    return sum(letter in "aeiouyAEIOUY" for letter in letters[1]) * 3 >= len(letters[1])


def resource(context: Context) -> bool:
    """Small words and numbers, joined, as resources are named: "node2-eu-1200345"."""
    return _NUMBERED.match(context.match) is not None


def fixture(name: str) -> bool:
    """Whether a file's path says that it is a test, an example or documentation.

    Example:
        >>> fixture("tests/data/key.pem"), fixture("contest/key.pem")
        (True, False)
    """
    return _FIXTURE.search(name) is not None


def _cased(word: str) -> bool:
    """Written as people write: a random string holds "fAkE" sooner than "fake", "FAKE", "Fake" or "ChangeMe"."""
    humps = _HUMPS.findall(word)
    return sum(map(len, humps)) * 2 >= len(humps) * 5


@functools.cache
def _published() -> frozenset[str]:
    text = (resources.files("casemate.patterns") / "packs" / "published.toml").read_text(encoding="utf-8")
    return frozenset(digest for each in tomllib.loads(text)["published"] for digest in each["sha256"])


def _period(text: str) -> bool:
    return len(text) >= 12 and any(
        text == (text[:n] * (len(text) // n + 1))[: len(text)] for n in range(1, len(text) // 2)
    )


STAGES: dict[str, Callable[[Context], bool]] = {
    "placeholder": placeholder,
    "published": published,
    "repeated": repeated,
    "sequence": sequence,
    "variable": variable,
    "uuid": uuid,
    "digest": digest,
    "lock-file": lock_file,
    "path": path,
    "label": label,
    "client": client,
    "code": code,
    "words": words,
    "word": word,
    "resource": resource,
}
"""Every stage by the name that packs use."""


def allowed(stages: tuple[str, ...], context: Context) -> str:
    """The first stage that holds, or ""."""
    return next((name for name in stages if STAGES[name](context)), "")
