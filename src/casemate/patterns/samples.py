"""Examples of secrets, made when they are needed: ``ghp_<alnum:36>`` and a seed give one string, the same each time.

``<ALPHABET:COUNT>`` stands for that many characters drawn from an alphabet; ``<jwt>`` for a JSON web token;
``<basic>`` for a name and password in base 64; ``<nl>``
for a line break. Nothing that a template yields was ever issued by anybody.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
import string
from collections.abc import Iterator

ALPHABETS = {
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "digit": string.digits,
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "alpha": string.ascii_letters,
    "alnum": string.ascii_letters + string.digits,
    "lownum": string.ascii_lowercase + string.digits,
    "upnum": string.ascii_uppercase + string.digits,
    "b32": string.ascii_uppercase + "234567",
    "b64": string.ascii_letters + string.digits + "+/",
    "url": string.ascii_letters + string.digits + "_-",
    "bech": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    "x": "x",
    "0": "0",
}
_SLOT = re.compile(r"<(\w+):(\d+)>|<(jwt|nl|uuid|basic)>")


def sample(template: str, seed: str = "") -> str:
    """The string that a template stands for.

    Raises:
        KeyError: an alphabet nobody knows.

    Example:
        >>> sample("id-<digit:4>", "a") == sample("id-<digit:4>", "a"), len(sample("id-<digit:4>", "b"))
        (True, 7)
        >>> sample("id-<x:4>")
        'id-xxxx'
    """
    numbers = _numbers(f"{seed}|{template}")
    return _SLOT.sub(lambda slot: _filled(slot, numbers), template)


def _filled(slot: re.Match[str], numbers: Iterator[int]) -> str:
    if slot[3] == "nl":
        return "\n"
    if slot[3] == "uuid":
        return "-".join(_drawn("hex", count, numbers) for count in (8, 4, 4, 4, 12))
    if slot[3] == "basic":
        return base64.b64encode(f"somebody:{_drawn('alnum', 12, numbers)}".encode()).decode()
    if slot[3] == "jwt":
        parts = [
            b'{"alg":"HS256","typ":"JWT"}',
            f'{{"sub":"{_drawn("digit", 10, numbers)}","iat":1516239022}}'.encode(),
        ]
        return ".".join([*map(_base64url, parts), _drawn("url", 43, numbers)])
    return _drawn(slot[1], int(slot[2]), numbers)


def _drawn(alphabet: str, count: int, numbers: Iterator[int]) -> str:
    letters = ALPHABETS[alphabet]
    return "".join(letters[next(numbers) % len(letters)] for _ in range(count))


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _numbers(seed: str) -> Iterator[int]:
    for block in itertools.count():
        digest = hashlib.sha256(f"{seed}|{block}".encode()).digest()
        for at in range(0, len(digest), 4):
            yield int.from_bytes(digest[at : at + 4], "big")
