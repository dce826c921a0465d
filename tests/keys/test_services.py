"""Acceptance 10: one suite for every key service: files, post-quantum recipients, OpenBao, AWS KMS, an HSM."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from casemate.core.errors import CasemateError
from casemate.keys.services import KeyService, KeyServiceError, Wrap, WrongKeyError
from tests.keys.scenes import SCENES, Scene, scene

DEK = bytes(range(32))
CONTEXT = {"casemate": "envelope/1", "name": "models/größe.bin", "header": "ab" * 32}


@pytest.fixture(scope="module", params=SCENES)
def each(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(request.param, tmp_path_factory.mktemp(request.param)) as made:
        yield made


def test_what_is_wrapped_unwraps(each: Scene) -> None:
    wrap = each.key.wrap(DEK, CONTEXT)
    assert each.key.opens(wrap)
    assert each.key.unwrap(wrap, CONTEXT) == DEK
    assert DEK not in wrap.data
    assert wrap.kind == each.key.kind
    assert each.key.name.startswith(f"{wrap.kind}:")


def test_a_wrap_survives_being_written_down(each: Scene) -> None:
    wrap = each.key.wrap(DEK, CONTEXT)
    assert each.key.unwrap(msgspec.json.decode(msgspec.json.encode(wrap), type=Wrap), CONTEXT) == DEK


@pytest.mark.parametrize(
    "context",
    [
        {**CONTEXT, "name": "models/grosse.bin"},
        {**CONTEXT, "header": "ac" * 32},
        {key: value for key, value in CONTEXT.items() if key != "name"},
        {**CONTEXT, "more": "1"},
    ],
    ids=["name", "header", "less", "more"],
)
def test_a_wrap_moved_to_another_file_does_not_open(each: Scene, context: dict[str, str]) -> None:
    with pytest.raises(WrongKeyError, match="Next: "):
        each.key.unwrap(each.key.wrap(DEK, CONTEXT), context)


def test_another_key_of_the_same_kind_does_not_open(each: Scene) -> None:
    wrap = each.key.wrap(DEK, CONTEXT)
    assert not each.other.opens(wrap)
    with pytest.raises(KeyServiceError):
        each.other.unwrap(wrap, CONTEXT)
    with pytest.raises(KeyServiceError):
        each.other.unwrap(msgspec.structs.replace(wrap, key=each.other.wrap(DEK, CONTEXT).key), CONTEXT)


@pytest.mark.parametrize("where", ["begin", "middle", "end", "cut", "more", "empty", "text"])
def test_changed_wraps_do_not_open(each: Scene, where: str) -> None:
    wrap = each.key.wrap(DEK, CONTEXT)
    data = bytearray(wrap.data)
    at = {"begin": 0, "middle": len(data) // 2, "end": len(data) - 1}.get(where)
    if at is not None:
        data[at] ^= 1
    changed = {"cut": data[:-1], "more": data + b"\0", "empty": b"", "text": b"\xff\xfe"}.get(where, data)
    with pytest.raises(KeyServiceError):
        each.key.unwrap(msgspec.structs.replace(wrap, data=bytes(changed)), CONTEXT)
    with pytest.raises(KeyServiceError):
        each.key.rewrap(msgspec.structs.replace(wrap, data=bytes(changed)), CONTEXT)


def test_a_renewed_wrap_holds_the_same_data_key(each: Scene) -> None:
    old = each.key.wrap(DEK, CONTEXT)
    new = each.key.rewrap(old, CONTEXT)
    assert new.data != old.data or each.key.kind == "pkcs11"  # RFC 3394 is deterministic
    assert each.key.unwrap(new, CONTEXT) == DEK
    another = {**CONTEXT, "name": "another"}
    with pytest.raises(KeyServiceError):  # when it is rewrapped, or, where the server cannot know, when it is opened
        each.key.unwrap(each.key.rewrap(old, another), another)


def test_a_new_version_of_the_key_opens_old_wraps_and_makes_new_ones(each: Scene) -> None:
    if each.renew is None:
        pytest.skip("keys of this service have no versions")
    old = each.key.wrap(DEK, CONTEXT)
    renewed: KeyService = each.renew()
    assert renewed.opens(old)
    assert renewed.unwrap(old, CONTEXT) == DEK
    new = renewed.rewrap(old, CONTEXT)
    assert renewed.unwrap(new, CONTEXT) == DEK
    if each.key.kind == "file":  # whoever kept the old key file cannot open what was renewed
        with pytest.raises(WrongKeyError):
            each.key.unwrap(new, CONTEXT)
    else:
        assert (old.data.split(b":")[1], new.data.split(b":")[1]) == (b"v1", b"v2")


def test_only_data_keys_are_wrapped(each: Scene) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        each.key.wrap(b"short", CONTEXT)


def test_failures_are_told_apart_explained_and_hold_no_credentials(each: Scene) -> None:
    for what, (kind, call) in each.failures.items():
        with pytest.raises(CasemateError) as caught:
            call()
        assert type(caught.value).__name__ == kind, (what, caught.value)
        assert caught.value.next_step, what
        text, chain = str(caught.value), caught.value.__cause__
        assert not any(secret in text for secret in each.secrets), what
        assert chain is None or not any(secret in f"{chain!r} {chain}" for secret in each.secrets), what
        if kind != "UsageError":
            assert caught.value.cause, what


def test_nothing_shows_credentials(each: Scene) -> None:
    shown = f"{each.key!r} {each.key.name} {each.key.wrap(DEK, CONTEXT)}"
    assert not any(secret in shown for secret in each.secrets)
