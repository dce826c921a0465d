"""Whatever lies where a bundle, a statement, an attestation or a lock file should lie: an answer or a clear error."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.core.errors import CasemateError, UnreadableError
from casemate.custody.bom.packages import read_lock
from casemate.custody.bom.results import read_figures
from casemate.custody.provenance.attestation import read_envelope
from casemate.custody.signing.bundle import read_bundle, write_bundle
from casemate.custody.signing.envelope import sign_payload
from casemate.custody.signing.judge import bind
from casemate.custody.signing.manifest import Extension, Manifest, Resource, Serialization, read_statement
from casemate.custody.signing.names import check_file_names
from tests.custody.bom.scene import LOCK, results
from tests.custody.signing.scene import CLASSIC, CLASSICAL, NOW

MANIFEST = Manifest(
    "model",
    (Resource("a", "0" * 64, "sha256"), Resource("b/c", "1" * 64, "sha256")),
    Serialization(method="files", hash_type="sha256", allow_symlinks=False),
)
STATEMENT = MANIFEST.statement(Extension(NOW.isoformat(), ("ecdsa-p256",)))
BUNDLE = write_bundle(sign_payload(STATEMENT, (CLASSICAL,)), hint=CLASSICAL.verifier.hint)
words = st.text(alphabet="abf0:/.é\ud800\n", max_size=9) | st.sampled_from(["shards", "a:0:1", "sha256"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mutated(draw: st.DrawFn, original: bytes) -> bytes:
    """A real file with a few bytes changed, cut out or put in."""
    data = bytearray(original)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(data)


@st.composite
def restructured(draw: st.DrawFn, original: bytes) -> bytes:
    """A real JSON file with one value somewhere replaced by any other."""
    value = json.loads(original)
    place, depth = value, draw(st.integers(0, 6))
    while True:
        key = draw(st.sampled_from(list(place) if isinstance(place, dict) else list(range(len(place)))))
        if not depth or not isinstance(place[key], dict | list) or not place[key]:
            break
        place, depth = place[key], depth - 1
    place[key] = draw(values)
    with contextlib.suppress(ValueError):
        return json.dumps(value).encode("utf-8", "surrogatepass")
    return b""


@given(mutated(BUNDLE) | restructured(BUNDLE) | st.binary(max_size=200))
def test_bundles(data: bytes) -> None:
    with contextlib.suppress(CasemateError):
        read_bundle(data)
    if data != BUNDLE:
        with pytest.raises(CasemateError):
            bind(data, CLASSIC, NOW)


@given(mutated(STATEMENT) | restructured(STATEMENT))
def test_statements(data: bytes) -> None:
    with contextlib.suppress(CasemateError):
        read_statement(data)


@given(restructured(STATEMENT))
def test_statements_that_a_trusted_key_signed(data: bytes) -> None:
    """Signed nonsense is an error too, never a crash."""
    with contextlib.suppress(CasemateError):
        bind(write_bundle(sign_payload(data, (CLASSICAL,)), hint=CLASSICAL.verifier.hint), CLASSIC, NOW)


def test_a_name_that_is_half_of_a_surrogate_pair_is_unreadable() -> None:
    value = json.loads(STATEMENT)
    value["subject"][0]["name"] = "\ud800"
    with pytest.raises(UnreadableError):
        read_statement(json.dumps(value).encode())


@given(st.binary(max_size=300))
def test_envelopes(data: bytes) -> None:
    with contextlib.suppress(CasemateError):
        read_envelope("it", data)


@given(st.lists(st.text(alphabet="aAé/.:\\\u0301\u200b\n", max_size=6), max_size=5))
def test_names(names: list[str]) -> None:
    try:
        check_file_names(names)
    except CasemateError:
        return
    folded = {name.casefold() for name in names}
    assert len(folded) == len(names)
    assert not any(part in ("", ".", "..") for name in names if names != ["."] for part in name.split("/"))


@given(mutated(LOCK.encode()) | st.binary(max_size=200), st.sampled_from(["requirements.lock", "pylock.toml"]))
def test_lock_files(data: bytes, name: str) -> None:
    with contextlib.suppress(CasemateError):
        read_lock(name, data)


@given(mutated(results()) | restructured(results()))
def test_results(data: bytes) -> None:
    with contextlib.suppress(CasemateError):
        read_figures(data)


@pytest.mark.parametrize(
    "change",
    [
        (b'"name":"b/c"', b'"name":"../c"'),
        (b'"name":"b/c"', b'"name":"/c"'),
        (b'"name":"b/c"', b'"name":"A"'),
        (b'"name":"b/c"', b'"name":"a"'),
        (b'"name":"b/c"', b'"name":"a/c"'),
        (b'"name":"b/c"', b'"name":"."'),
        (b'"files"', b'"shards"'),
        (b'"sha256","allow', b'"blake3","allow'),
        (b"signature/v1.0", b"signature/v1.1"),
        (b'"ecdsa-p256"', b'"ecdsa-p256","ecdsa-p256"'),
        (b'"signed":', b'"signed":"x","signed":'),
    ],
)
def test_a_signed_statement_that_cannot_be_true_is_refused(change: tuple[bytes, bytes]) -> None:
    changed = STATEMENT.replace(*change) if change[0] in STATEMENT else STATEMENT.replace(b"files", b"other")
    with pytest.raises(CasemateError):
        bind(write_bundle(sign_payload(changed, (CLASSICAL,)), hint=CLASSICAL.verifier.hint), CLASSIC, NOW)


def test_the_room_opens_no_file_when_it_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("judging is pure")

    for name in ("open", "read_bytes", "read_text", "stat"):
        monkeypatch.setattr(Path, name, refuse)
    assert bind(BUNDLE, CLASSIC, NOW).by == ("release",)
