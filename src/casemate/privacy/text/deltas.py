"""The chunks of a chat as its API streams them: texts and the arguments of tools are redacted or restored within them.

Two shapes are known: chunks of chat completions (OpenAI; with ``reasoning_content``, and of completions) and events of
messages (Anthropic). Each text of each choice or block, and the arguments of each call of a tool, is its own stream;
those of one answer share the numbers of their pseudonyms. Where a choice or a block ends, what was held back comes in a
chunk of its own before the one that says so. Strings in fields that are not known are whole texts. Tokens beside the
text (``logprobs``) would tell what was taken out of it, so they are dropped where something is redacted. What has
neither shape is refused, for who does not know where a text stands cannot redact it.

Sources: OpenAI API reference, the chat completion chunk object; Anthropic API, streaming messages.
"""

from __future__ import annotations

import abc
import contextlib
import json
from collections.abc import AsyncIterable, AsyncIterator, Hashable, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from casemate.core.errors import UsageError
from casemate.privacy.text.passing import over, over_async
from casemate.privacy.text.redactor import Redactor
from casemate.privacy.text.restoration import Restoration
from casemate.privacy.text.streams import Stream, StreamRedactor, StreamRestorer

Chunk = Mapping[str, Any]
TEXTS: Final = ("content", "refusal", "reasoning_content", "reasoning")
"""Fields of a delta of chat completions that are texts."""
KINDS: Final = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
"""Fields of the deltas of messages that are texts, by the type of the delta."""
KEPT: Final = frozenset({
    "id", "type", "role", "name", "model", "object", "signature", "encrypted_content", "data", "tool_use_id",
    "finish_reason", "stop_reason", "system_fingerprint", "service_tier", "status", "code",
})  # fmt: skip
"""Fields whose strings say nothing about anybody."""
_MESSAGE: Final = ("message",)
"""The answer that events are about; an index of a choice is never a tuple."""
_EVENTS: Final = frozenset({"message_start", "message_delta", "message_stop", "ping", "error", "content_block_start"})


class _Function(msgspec.Struct):
    arguments: str | dict[str, Any] | None = None


class _Custom(msgspec.Struct):
    input: str | None = None


class _Call(msgspec.Struct):
    index: int | None = None
    function: _Function | None = None
    custom: _Custom | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None
    function_call: _Function | None = None


class _Choice(msgspec.Struct):
    index: int | None = None
    delta: _Delta | None = None
    text: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]


class _Block(msgspec.Struct):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None


class _Event(msgspec.Struct):
    type: str = "error"
    index: int | None = None
    delta: _Block | None = None
    content_block: dict[str, Any] | None = None


class _Deltas(abc.ABC):
    """What both directions share."""

    def __init__(self) -> None:
        self._streams: dict[tuple[Hashable, ...], Stream] = {}
        self._last: dict[str, Any] = {}
        self._open = True

    @abc.abstractmethod
    def _begin(self, answer: Hashable, *, json: bool) -> Stream:
        """A stream of an answer."""

    @property
    def held(self) -> int:
        """Code points that have arrived and were not given away."""
        return sum(each.held for each in self._streams.values())

    def feed(self, chunk: Chunk, /) -> list[dict[str, Any]]:
        """What becomes of a chunk: itself as it may be given away, after what was held back before an end.

        Args:
            chunk: as the API's JSON reads; it is not changed.

        Raises:
            UsageError: it is of no shape that is known, or the stream has ended.
            StorageError: see ``Stream.feed``; nothing of the chunk is given away.
        """
        with self._guarded():
            if "choices" in chunk:
                return self._completion(_shaped(chunk, _Completion))
            if "type" in chunk or "error" in chunk:
                return self._event(_shaped(chunk, _Event))
            raise _unknown("it has neither choices nor a type")

    def finish(self) -> list[dict[str, Any]]:
        """What is left where no chunk said that it was the last; the stream has ended then."""
        with self._guarded():
            made = self._flushed(lambda _: True)
        self.close()
        return made

    def close(self) -> None:
        """End it; what is held back is never given away."""
        self._open = False
        self._streams.clear()

    def over(self, chunks: Iterable[Chunk]) -> Iterator[dict[str, Any]]:
        """Chunks of a whole stream. Where ``chunks`` raises, what came before is given away first."""
        for each in over(chunks, self):
            yield from each

    async def over_async(self, chunks: AsyncIterable[Chunk]) -> AsyncIterator[dict[str, Any]]:
        """The same for what arrives asynchronously; ``chunks`` is closed with it."""
        async with contextlib.aclosing(over_async(chunks, self)) as made:
            async for several in made:
                for each in several:
                    yield each

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        if not self._open:
            raise UsageError(
                "the stream has ended", cause="it was finished, closed, or failed", next_step="begin a new one"
            )
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _text(self, text: str | None, *name: Hashable, json: bool = False) -> Any:
        """What can be given away of one stream; nothing in the place of nothing."""
        if text is None:
            return None
        if name not in self._streams:
            self._streams[name] = self._begin(name[0], json=json)
        return self._streams[name].feed(text)

    def _whole(self, value: Any, answer: Hashable, field: str = "") -> Any:
        """A field that is not known: each string in it is a text."""
        if isinstance(value, str):
            return value if field in KEPT else self._complete(value, answer)
        if isinstance(value, Mapping):
            return {key: self._whole(each, answer, key) for key, each in value.items()}
        if isinstance(value, list):
            return [self._whole(each, answer, field) for each in value]
        return value

    def _complete(self, text: str, answer: Hashable, *, json: bool = False) -> str:
        stream = self._begin(answer, json=json)
        return stream.feed(text) + stream.finish()

    def _flushed(self, ended: Any) -> list[dict[str, Any]]:
        """Chunks with what was held back of the streams that end."""
        made = []
        for name in [each for each in self._streams if ended(each)]:
            left = self._streams.pop(name).finish()
            if left:
                made.append(self._carrying(left, *name))
        return made

    def _carrying(self, text: str, answer: Hashable, *name: Hashable) -> dict[str, Any]:
        """A chunk for a text that was held back."""
        if answer == _MESSAGE:
            index, kind = name
            return {"type": "content_block_delta", "index": index, "delta": {"type": kind, KINDS[str(kind)]: text}}
        if name == ("text",):
            return {**self._last, "choices": [{"index": answer, "text": text, "finish_reason": None}]}
        first, *more = name
        delta: dict[str, Any] = {str(first): text}
        if more:
            outer, inner = more[-2:]
            delta = {str(outer): {inner: text}}
            if first == "tool_calls":
                delta = {"tool_calls": [{"index": more[0], **delta}]}
        return {**self._last, "choices": [{"index": answer, "delta": delta, "finish_reason": None}]}

    def _completion(self, chunk: Chunk) -> list[dict[str, Any]]:
        about = {key: self._whole(each, "", key) for key, each in chunk.items() if key != "choices"}
        self._last = {key: each for key, each in about.items() if key not in ("usage", "error")}
        choices, ended = [], set[Hashable]()
        for place, given in enumerate(chunk["choices"]):
            answer = given.get("index", place)
            choice = {key: self._of_choice(key, each, answer) for key, each in given.items()}
            choices.append(choice)
            if given.get("finish_reason") is not None:
                ended.add(answer)
        made = {**about, "choices": choices}
        return self._ending(made, ended) if ended else [made]

    def _ending(self, chunk: dict[str, Any], ended: set[Hashable]) -> list[dict[str, Any]]:
        """The last texts of answers before the chunk that ends them."""
        before, after = [], []
        for choice in chunk["choices"]:
            said = [key for key in ("delta", "text") if choice.get(key)]
            if choice.get("index") in ended and said:
                before.append({**choice, "finish_reason": None})
                choice = {**choice, **{key: {} if key == "delta" else "" for key in said}}  # noqa: PLW2901
            after.append(choice)
        first = [{**self._last, "choices": before}] if before else []
        return [*first, *self._flushed(lambda name: name[0] in ended), {**chunk, "choices": after}]

    def _of_choice(self, key: str, value: Any, answer: Hashable) -> Any:
        if key == "text":
            return self._text(value, answer, "text")
        if key == "logprobs":
            return self._beside(value)
        if key == "delta" and isinstance(value, Mapping):
            return {name: self._of_delta(name, each, answer) for name, each in value.items()}
        return self._whole(value, answer, key)

    def _of_delta(self, name: str, value: Any, answer: Hashable) -> Any:
        if name in TEXTS:
            return self._text(value, answer, name)
        if name == "tool_calls" and isinstance(value, list):
            return [self._call(each, answer, "tool_calls", each.get("index", at)) for at, each in enumerate(value)]
        if name == "function_call" and isinstance(value, Mapping):
            return self._call({name: value}, answer)[name]
        return self._whole(value, answer, name)

    def _call(self, call: Chunk, answer: Hashable, *where: Hashable) -> dict[str, Any]:
        """A call of a tool; the arguments of a function are JSON, what a custom tool is given is a text."""
        made: dict[str, Any] = {}
        for name, value in call.items():
            made[name] = self._whole(value, answer, name)
            for field in {"function": ["arguments"], "function_call": ["arguments"], "custom": ["input"]}.get(name, []):
                if isinstance(value, Mapping) and field in value:
                    said, place = value[field], (*where, name, field) if where else (name, name, field)
                    if said is None or isinstance(said, str):
                        made[name][field] = self._text(said, answer, *place, json=field == "arguments")
                    else:
                        made[name][field] = json.loads(self._complete(json.dumps(said), answer, json=True))
        return made

    @abc.abstractmethod
    def _beside(self, tokens: Any) -> Any:
        """What becomes of the tokens that are told beside a text."""

    def _event(self, event: Chunk) -> list[dict[str, Any]]:
        kind, index = event.get("type", "error"), event.get("index")
        if kind == "content_block_delta":
            return [{**event, "delta": self._of_block(event.get("delta") or {}, index)}]
        if kind == "content_block_stop":
            return [*self._flushed(lambda name: name[:2] == (_MESSAGE, index)), dict(event)]
        if kind not in _EVENTS:
            raise _unknown(f"its type is {str(kind)[:40]!r}")
        before = self._flushed(lambda _: True) if kind in ("message_stop", "error") else []
        made = {key: self._whole(each, _MESSAGE, key) for key, each in event.items()}
        if kind == "content_block_start":
            block = event.get("content_block") or {}
            for type, field in KINDS.items():
                if isinstance(block.get(field), str):
                    made["content_block"][field] = self._text(block[field], _MESSAGE, index, type)
            if isinstance(block.get("input"), Mapping) and block["input"]:
                said = self._complete(json.dumps(block["input"]), _MESSAGE, json=True)
                made["content_block"]["input"] = json.loads(said)
        return [*before, made]

    def _of_block(self, delta: Chunk, index: Hashable) -> dict[str, Any]:
        kind = delta.get("type")
        if kind not in KINDS:
            return {key: self._whole(each, _MESSAGE, key) for key, each in delta.items()}
        field = KINDS[kind]
        said = self._text(delta.get(field), _MESSAGE, index, kind, json=field == "partial_json")
        return {**delta, field: said}


class DeltaRedactor(_Deltas):
    """Redacts chunks of a chat.

    Args:
        redactor: how.

    Example:
        >>> from casemate.privacy.text.analyzer import Analyzer
        >>> chunks = [{"choices": [{"index": 0, "delta": {"content": each}}]} for each in ("to jane@exam", "ple.com")]
        >>> made = DeltaRedactor(Redactor(Analyzer("fast"))).over(chunks)
        >>> "".join(each["choices"][0]["delta"]["content"] for each in made)
        'to [EMAIL_ADDRESS]'
    """

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor, self._documents = redactor, dict[Hashable, Redactor]()

    def _begin(self, answer: Hashable, *, json: bool) -> Stream:
        return StreamRedactor(self._documents.setdefault(answer, self._redactor.document()), json=json)

    def _beside(self, tokens: Any) -> Any:
        del tokens
        return None


class DeltaRestorer(_Deltas):
    """Restores placeholders in chunks of a chat.

    Args:
        restoration: from ``Vault.restoration``, which asks for role and purpose.
    """

    def __init__(self, restoration: Restoration) -> None:
        super().__init__()
        self._restoration = restoration

    def _begin(self, answer: Hashable, *, json: bool) -> Stream:
        del answer
        return StreamRestorer(self._restoration, json=json)

    def _beside(self, tokens: Any) -> Any:
        return tokens


def _shaped(chunk: Chunk, shape: type[msgspec.Struct]) -> Chunk:
    try:
        msgspec.convert(chunk, shape)
    except msgspec.ValidationError as error:
        raise _unknown(str(error)) from None
    return chunk


def _unknown(why: str) -> UsageError:
    return UsageError(
        "this is no chunk of a chat that could be redacted or restored",
        cause=why,
        next_step="give chunks of chat completions or events of messages, as their JSON reads",
    )
