"""Chunks of a chat: every text and every argument of a tool, of each choice by itself, whole before its end is told."""

from __future__ import annotations

import asyncio
import copy
import json
import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from casemate.core.errors import StorageError, UsageError
from casemate.keys.ed25519 import Ed25519Signer
from casemate.keys.kek_file import create_kek
from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.deltas import DeltaRedactor, DeltaRestorer
from casemate.privacy.text.operators.base import Stateful
from casemate.privacy.text.operators.numbers import Numbered
from casemate.privacy.text.redactor import Redactor
from casemate.privacy.text.spans import Span
from casemate.privacy.text.vault import Vault

Chunks = list[dict[str, Any]]
FILLER = "and so on " * 120
TEXTS = {
    (0, "content"): f"Mail jane@acme.org. {FILLER}Then +1 415 555 2671.",
    (0, "reasoning_content"): f"They said bob@acme.org. {FILLER}",
    (1, "content"): "Card 4111 1111 1111 1111",
    (1, "refusal"): "Not for eve@acme.org",
}
CALLS = {
    (0, 0): r'{"to": "jane\u0040acme.org", "card": 4111111111111111, "body": "line\none"}',
    (0, 1): r'{"who": ["bob@acme.org", "x"], "n": 12}',
}


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor(Analyzer("fast"))


def parts(text: str, rng: random.Random) -> Iterator[str]:
    at = 0
    while at < len(text):
        size = rng.choice((0, 1, 2, 5, 30, 300))
        yield text[at : at + size]
        at += size


def completion(index: int, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": finish, "logprobs": None}
    return {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}


def completions(rng: random.Random) -> Chunks:
    """Texts and calls of two choices, cut and mixed at random."""
    waiting: list[Iterator[dict[str, Any]]] = []
    for (index, field), text in TEXTS.items():
        waiting.append(iter([completion(index, {field: part}) for part in parts(text, rng)]))
    for (index, number), text in CALLS.items():
        calls = [{"index": number, "function": {"arguments": part}} for part in parts(text, rng)]
        calls[0] |= {"id": f"call{number}", "type": "function"}
        calls[0]["function"] = {"name": "send", **calls[0]["function"]}
        waiting.append(iter([completion(index, {"tool_calls": [call]}) for call in calls]))
    made = [completion(index, {"role": "assistant", "content": ""}) for index in (0, 1)]
    while waiting:
        one = rng.choice(waiting)
        chunk = next(one, None)
        if chunk is None:
            waiting.remove(one)
        else:
            made.append(chunk)
    usage = {"id": "c", "choices": [], "usage": {"total_tokens": 9}}
    return [*made, completion(0, {}, "tool_calls"), completion(1, {}, "stop"), usage]


def heard(chunks: Iterable[dict[str, Any]]) -> dict[Any, str]:
    """What a client puts together; nothing comes after the end of a choice."""
    said: dict[Any, str] = {}
    ended = set()
    for chunk in chunks:
        for choice in chunk["choices"]:
            index, delta = choice["index"], choice["delta"]
            assert index not in ended
            for field in ("content", "reasoning_content", "refusal"):
                if delta.get(field):
                    said[index, field] = said.get((index, field), "") + delta[field]
            for call in delta.get("tool_calls", ()):
                key = index, call["index"]
                said[key] = said.get(key, "") + call["function"]["arguments"]
            if choice["finish_reason"]:
                ended.add(index)
    return said


def test_texts_and_arguments_of_every_choice(redactor: Redactor) -> None:
    rng = random.Random(1)
    for _ in range(15):
        given = completions(rng)
        before = copy.deepcopy(given)
        said = heard(DeltaRedactor(redactor).over(given))
        assert given == before
        for key, text in TEXTS.items():
            assert said[key] == redactor.redact(text, streaming=True).text
        assert json.loads(said[0, 0]) == {"to": "[EMAIL_ADDRESS]", "card": "[CREDIT_CARD]", "body": "line\none"}
        assert json.loads(said[0, 1]) == {"who": ["[EMAIL_ADDRESS]", "x"], "n": 12}


def test_what_is_said_beside_the_text_does_not_tell_it(redactor: Redactor) -> None:
    chunk = completion(0, {"content": "jane@acme.org", "annotations": [{"url": "https://x.org/?m=jane@acme.org"}]})
    chunk["choices"][0]["logprobs"] = {"content": [{"token": "jane@acme.org", "logprob": -0.1}]}
    chunk["citations"] = ["jane@acme.org"]
    made = list(DeltaRedactor(redactor).over([chunk]))
    assert "jane" not in json.dumps(made)
    assert made[0]["model"] == "m"


def test_an_end_that_brings_its_last_text_with_it(redactor: Redactor) -> None:
    given = [completion(0, {"content": "to jane@ac"}), completion(0, {"content": "me.org"}, "stop")]
    *texts, last = DeltaRedactor(redactor).over(given)
    assert "".join(each["choices"][0]["delta"]["content"] for each in texts) == "to [EMAIL_ADDRESS]"
    assert last["choices"][0] == {"index": 0, "delta": {}, "finish_reason": "stop", "logprobs": None}


def test_completions_and_old_calls_and_custom_tools(redactor: Redactor) -> None:
    old = [{"choices": [{"index": 0, "text": each, "finish_reason": None}]} for each in ("to jane@ac", "me.org")]
    assert "".join(each["choices"][0]["text"] for each in DeltaRedactor(redactor).over(old)) == "to [EMAIL_ADDRESS]"
    call = [completion(0, {"function_call": {"name": "f", "arguments": each}}) for each in ('{"a": "jane@ac', "me.org")]
    made = "".join(
        each["choices"][0]["delta"]["function_call"]["arguments"] for each in DeltaRedactor(redactor).over(call)
    )
    assert made == '{"a": "[EMAIL_ADDRESS]'
    tool = [{"index": 2, "custom": {"name": "sh", "input": each}} for each in ("mail jane@ac", "me.org")]
    custom = [completion(0, {"tool_calls": [each]}) for each in tool]
    calls = [each["choices"][0]["delta"]["tool_calls"][0] for each in DeltaRedactor(redactor).over(custom)]
    assert {each["index"] for each in calls} == {2}
    assert "".join(each["custom"]["input"] for each in calls) == "mail [EMAIL_ADDRESS]"
    called = {"function": {"name": "f", "arguments": {"a": ["jane@acme.org", 4111111111111111]}}}
    (made_of_it,) = DeltaRedactor(redactor).over([completion(0, {"tool_calls": [called]})])
    arguments = made_of_it["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"]
    assert arguments == {"a": ["[EMAIL_ADDRESS]", "[CREDIT_CARD]"]}


def events(rng: random.Random) -> Chunks:
    made: Chunks = [{"type": "message_start", "message": {"id": "m", "role": "assistant", "content": []}}]
    blocks = [
        ({"type": "thinking", "thinking": ""}, "thinking_delta", "thinking", f"bob@acme.org? {FILLER}"),
        ({"type": "text", "text": ""}, "text_delta", "text", f"{FILLER}Mail jane@acme.org"),
        ({"type": "tool_use", "id": "t", "name": "send", "input": {}}, "input_json_delta", "partial_json", CALLS[0, 0]),
    ]
    for index, (block, kind, field, text) in enumerate(blocks):
        made.append({"type": "content_block_start", "index": index, "content_block": block})
        for part in parts(text, rng):
            made.append({"type": "content_block_delta", "index": index, "delta": {"type": kind, field: part}})
        if field == "thinking":
            signed = {"type": "signature_delta", "signature": "EqQB"}
            made.append({"type": "content_block_delta", "index": index, "delta": signed})
        made.append({"type": "content_block_stop", "index": index})
    ended = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}}
    return [*made, {"type": "ping"}, ended, {"type": "message_stop"}]


def test_events_of_messages(redactor: Redactor) -> None:
    rng = random.Random(2)
    for _ in range(8):
        said, stopped = ["", "", ""], set()
        given = events(rng)
        made = list(DeltaRedactor(redactor).over(given))
        for each in made:
            if each["type"] == "content_block_delta":
                assert each["index"] not in stopped
                delta = each["delta"]
                said[each["index"]] += delta.get("text") or delta.get("thinking") or delta.get("partial_json") or ""
            elif each["type"] == "content_block_stop":
                stopped.add(each["index"])
        assert said[0] == f"[EMAIL_ADDRESS]? {FILLER}"
        assert said[1] == f"{FILLER}Mail [EMAIL_ADDRESS]"
        assert json.loads(said[2])["card"] == "[CREDIT_CARD]"
        assert [each for each in made if each["type"] not in ("content_block_delta",)] == [
            each for each in given if each["type"] != "content_block_delta"
        ]


def test_an_error_comes_after_what_was_held_back(redactor: Redactor) -> None:
    text = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "to jane@acme.org"}}
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy with jane@acme.org"}}
    made = list(DeltaRedactor(redactor).over([text, error]))
    assert [each["type"] for each in made] == ["content_block_delta", "content_block_delta", "error"]
    assert made[1]["delta"]["text"] == "to [EMAIL_ADDRESS]"
    assert made[2]["error"] == {"type": "overloaded_error", "message": "busy with [EMAIL_ADDRESS]"}


@pytest.mark.parametrize(
    "chunk",
    [
        {}, {"choices": 3}, {"choices": [3]}, {"choices": [{"delta": {"content": ["a"]}}]},
        {"choices": [{"index": [], "delta": {}}]},
        {"choices": [{"delta": {"tool_calls": {"index": 0}}}]},
        {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": 3}}]}}]},
        {"type": "response.output_text.delta", "delta": "jane@acme.org"}, {"type": "response.created"},
        {"type": ["x"]},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 3}},
    ],
)  # fmt: skip
def test_what_is_of_no_known_shape_is_refused_and_ends_the_stream(redactor: Redactor, chunk: dict[str, Any]) -> None:
    stream = DeltaRedactor(redactor)
    stream.feed(completion(0, {"content": "jane@acme.org"}))
    assert stream.held == 13
    with pytest.raises(UsageError, match="no chunk of a chat") as raised:
        stream.feed(chunk)
    assert "jane" not in str(raised.value)
    late: list[Callable[[], object]] = [stream.finish, lambda: stream.feed(completion(0, {"content": "x"}))]
    for each in late:
        with pytest.raises(UsageError, match="ended"):
            each()
    assert stream.held == 0


class Full(Stateful):
    """Keeps nothing."""

    def __call__(self, text: str, span: Span) -> str:
        return "[X]"

    def commit(self) -> None:
        raise StorageError("the disk is full")


def test_nothing_of_a_chunk_is_given_away_that_cannot_be_kept() -> None:
    stream = DeltaRedactor(Redactor(Analyzer("fast"), default=Full()))
    with pytest.raises(StorageError):
        stream.feed(completion(0, {"content": f"jane@acme.org {FILLER}"}))
    with pytest.raises(UsageError, match="ended"):
        stream.finish()


def test_an_answer_has_one_numbering_and_another_has_its_own() -> None:
    redactor = Redactor(Analyzer("fast"), default=Numbered())
    called = {"arguments": '{"a": "bob@acme.org", "b": "jane@acme.org"}'}
    chunks = [
        completion(0, {"content": f"jane@acme.org {FILLER}"}),
        completion(0, {"tool_calls": [{"index": 0, "function": called}]}),
        completion(1, {"content": f"eve@acme.org {FILLER}"}),
    ]  # fmt: skip
    said = heard(DeltaRedactor(redactor).over(chunks))
    one, two = redactor.redact("jane@acme.org bob@acme.org").replacements
    assert said[0, "content"].startswith(one)
    assert json.loads(said[0, 0]) == {"a": two, "b": one}
    assert said[1, "content"].startswith(one)


def test_there_and_back(tmp_path: Path) -> None:
    rng = random.Random(4)
    vault = Vault.create(
        tmp_path / "vault",
        [create_kek(tmp_path / "kek")],
        Ed25519Signer("example.org/vault", bytes(32)),
        {"clerk": ["answer"]},
    )
    session = vault.session()
    sent = list(DeltaRedactor(Redactor(Analyzer("fast"), default=session)).over(completions(rng)))
    assert "acme" not in json.dumps(sent)
    restoration = vault.restoration(role="clerk", purpose="answer", session=session.nonce)

    async def source() -> AsyncIterator[dict[str, Any]]:
        for each in sent:
            yield each

    async def read() -> Chunks:
        return [each async for each in DeltaRestorer(restoration).over_async(source())]

    said = heard(asyncio.run(read()))
    for key, text in TEXTS.items():
        assert said[key] == text
    assert json.loads(said[0, 0]) == json.loads(CALLS[0, 0]) | {"card": "4111111111111111"}
    assert json.loads(said[0, 1]) == json.loads(CALLS[0, 1])
