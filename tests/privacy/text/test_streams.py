"""Streams: their output does not depend on the cutting, nothing leaves too early, and none knows of another."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from casemate.core.errors import StorageError, UsageError
from casemate.privacy.text import rampart
from casemate.privacy.text.analyzer import Analyzer, Mode
from casemate.privacy.text.editor import spoken
from casemate.privacy.text.json_text import NAME, TOKEN, decoded, escaped
from casemate.privacy.text.operators.base import Stateful
from casemate.privacy.text.operators.numbers import Numbered
from casemate.privacy.text.redactor import Redactor
from casemate.privacy.text.spans import Span
from casemate.privacy.text.streams import StreamRedactor
from casemate.privacy.text.windows import AHEAD, BLOCK, RUN, pieces

DENSE: Final = [
    "mail jane.doe@example.com", "call +1 415 555 2671", "card 4111 1111 1111 1111", "4111111111111111",
    "IBAN DE89 3704 0044 0532 0130 00",
    "SSN 536-90-4399", "see https://example.org/a?b=c", "host 10.1.2.3", "Jane Doe", "Mrs. Ada Byron of London",
    "Byron", "Müller", "François",
    "jane&#64;example.com", "jane%40example.com", "jane at example dot com", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
    "jane@exam\nple.com",
    "amFuZUBleGFtcGxlLmNvbQ==", "password: hunter2hunter2", "ｊａｎｅ＠example.com", "j\u200bane@example.com",
    "born 1971-02-03", "e\u0301\u0302te\u0301",
    "\ud83d", "\ude00", "😀👩‍👩‍👧", "\u202eenaj", "[PERSON_1]", "[EMAIL_ADDRESS]", "\x00", "\r\n", "\n\n",
    "\t", " ", ", ", ". ", "the", "and so on",
    "It was a bright cold day in April", "x" * 300, "a1" * 200, "-" * 80, "<b>", "\\", "\"", "'", "(", ")",
    "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEow/+AbC\n" * 30 + "-----END RSA PRIVATE KEY-----",
]  # fmt: skip


def documents(count: int, seed: int) -> list[str]:
    """Short texts, dense with what must be found."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        parts = rng.choices(DENSE, k=rng.randint(3, 60))
        made.append("".join(each + rng.choice(("", " ", " ", " ", "\n")) for each in parts)[: rng.randint(20, 2_500)])
    return made


def chunked(text: str, rng: random.Random, most: int) -> Iterator[str]:
    """At random places, empty chunks too."""
    cuts = sorted(rng.choices(range(len(text) + 1), k=rng.randint(0, most)))
    at = 0
    for stop in cuts:
        yield text[at:stop]
        at = stop
    yield text[at:]


class Remembering(Analyzer):
    """What it finds in a window depends on the window alone, so an equal one is not looked at twice."""

    def __init__(self, mode: Mode) -> None:
        super().__init__(mode)
        self._once = functools.lru_cache(maxsize=200_000)(functools.partial(super().find, streaming=True))

    def find(self, text: str, *, streaming: bool = False) -> list[Span]:
        assert streaming
        return self._once(text)


def alike(analyzer: Analyzer, texts: list[str], chunkings: int, seed: int, *, json: bool = False) -> int:
    """Streams of texts, cut at random, against what is made of the whole; how many were compared."""
    rng, redactor, count = random.Random(seed), Redactor(analyzer, {"PERSON": Numbered()}), 0
    for text in texts:
        goal = "" if json else redactor.redact(text, streaming=True).text
        for number in range(chunkings):
            stream = StreamRedactor(redactor, json=json)
            made, held = [], 0
            for chunk in list(text) if number == 1 else chunked(text, rng, 40 if number % 8 == 0 else 6):
                made.append(stream.feed(chunk))
                held = max(held, stream.held)
            made.append(stream.finish())
            assert held < stream.bound
            goal = goal if number or not json else "".join(made)
            assert "".join(made) == goal, repr(text)
            count += 1
    return count


@pytest.fixture(scope="module")
def fast() -> Analyzer:
    return Analyzer("fast")


@pytest.fixture(scope="module")
def names() -> Analyzer:
    return Analyzer("balanced", model=Path("nowhere"))


def test_a_stream_is_redacted_as_the_whole_is(fast: Analyzer, names: Analyzer) -> None:
    assert alike(fast, documents(12, seed=1), 3, seed=2) == 36
    assert alike(names, documents(5, seed=3), 3, seed=4) == 15


@pytest.mark.slow
def test_a_million_chunkings() -> None:
    # Windows depend on the text alone, so their spans are remembered: what is tried is the engine, which is new each
    # time. The tests above and below read every window anew.
    assert alike(Remembering("fast"), documents(250, seed=5), 4_000, seed=6) == 1_000_000


@pytest.mark.slow
def test_chunkings_with_names() -> None:
    assert alike(Remembering("balanced"), documents(200, seed=7), 500, seed=8) == 100_000


@pytest.mark.slow
def test_chunkings_with_a_transformer() -> None:
    if rampart.read(rampart.folder()) is None:
        pytest.skip("the transformer's files have not been fetched: casemate redact --fetch-model")
    assert alike(Remembering("accurate"), documents(20, seed=9), 100, seed=10) == 2_000


@pytest.mark.slow
def test_chunkings_of_which_every_window_is_read_anew(fast: Analyzer, names: Analyzer) -> None:
    assert alike(fast, documents(100, seed=11), 10, seed=12) == 1_000
    assert alike(names, documents(25, seed=13), 8, seed=14) == 200


def test_a_stream_finds_what_the_text_has(fast: Analyzer) -> None:
    prose = "It was a bright cold day in April, and the clocks were striking thirteen. "
    text = "".join(f"{prose * 3}Write to jane{each}@example.com or +1 415 555 26{each:02}. " for each in range(40))
    assert Redactor(fast).redact(text, streaming=True).text == Redactor(fast).redact(text).text


def test_how_much_is_held(fast: Analyzer) -> None:
    stream = StreamRedactor(Redactor(fast))
    prose = "It was a bright cold day in April, and the clocks were striking thirteen. " * 100
    held = []
    for each in prose:
        stream.feed(each)
        held.append(stream.held)
    assert max(held) <= BLOCK + AHEAD + 20
    stream = StreamRedactor(Redactor(fast))
    for _ in range(80):  # nothing says where this could be cut, nor what it is
        stream.feed("x" * 997)
        assert stream.held < RUN + BLOCK + AHEAD + 997
    key = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEow/+AbC\n" * 5_000  # without an end
    stream = StreamRedactor(Redactor(fast))
    for each in range(0, len(key), 100):
        stream.feed(key[each : each + 100])
        assert stream.held < stream.bound


def test_pieces_are_neither_lost_nor_said_twice(fast: Analyzer) -> None:
    for text in documents(20, seed=20):
        assert "".join(piece for piece, _ in pieces(text, fast)) == text


class Failing(Stateful):
    """Cannot keep anything from the second time on."""

    def __init__(self) -> None:
        self.kept = 0

    def __call__(self, text: str, span: Span) -> str:
        del text, span
        self.kept += 1
        return "[X]"

    def commit(self) -> None:
        if self.kept > 1:
            raise StorageError("the disk is full")


def test_what_cannot_be_kept_is_not_given_away_then_or_later(fast: Analyzer) -> None:
    stream = StreamRedactor(Redactor(fast, default=Failing()))
    assert "[X]" in stream.feed("one@example.com " + "and so on " * 100)
    with pytest.raises(StorageError):
        stream.feed("two@example.com " + "and so on " * 100)
    for late in (lambda: stream.feed(""), stream.finish):
        with pytest.raises(UsageError, match="ended"):
            late()
    assert stream.held == 0
    with pytest.raises(StorageError):
        list(StreamRedactor(Redactor(fast, default=Failing())).over(["one@example.com two@example.com"]))


def test_bytes_that_are_cut_in_letters_and_bytes_that_are_none(fast: Analyzer) -> None:
    data = "Grüße an jane@exämple.com, Ünal 😀 ".encode() * 3 + b"\xff\xfe caf\xc3"
    goal = Redactor(fast).redact(data.decode("utf-8", "surrogateescape"), streaming=True).text
    for size in (1, 2, 3, 50):
        chunks = [data[at : at + size] for at in range(0, len(data), size)]
        assert "".join(StreamRedactor(Redactor(fast)).over(chunks)) == goal
    assert goal.encode("utf-8", "surrogateescape").endswith(b"\xff\xfe caf\xc3")


def test_where_the_source_fails_what_came_before_is_given_away(fast: Analyzer) -> None:
    def chunks() -> Iterator[str]:
        yield "to jane@exam"
        yield "ple.com"
        raise ConnectionError("gone")

    made = StreamRedactor(Redactor(fast)).over(chunks())
    assert next(made) == "to [EMAIL_ADDRESS]"
    with pytest.raises(ConnectionError):
        next(made)


def test_asynchronous_chunks(fast: Analyzer) -> None:
    closed = []

    async def chunks() -> AsyncIterator[str]:
        try:
            for each in ("to jane@exam", "ple.com", " now " * 300, "or bob@example.com"):
                yield each
        finally:
            closed.append(True)

    async def read(most: int) -> list[str]:
        made: list[str] = []
        async with contextlib.aclosing(StreamRedactor(Redactor(fast)).over_async(chunks())) as source:
            async for each in source:
                made.append(each)
                if len(made) == most:
                    break
        return made

    made = asyncio.run(read(9))
    assert "".join(made) == "to [EMAIL_ADDRESS]" + " now " * 300 + "or [EMAIL_ADDRESS]"
    assert asyncio.run(read(1)) == made[:1]  # who stops reading closes the source
    assert closed == [True, True]


JSON: Final = [
    r'{"to": "jane\u0040example.com", "n": 4111111111111111, "d": {"x": ["+1 415 555 2671 \ud83d\ude00 \"q\"", null]}}',
    r'{"args": "{\"card\": 4111111111111111, \"mail\": \"a\\u0040b.com\"}", "jane@acme.org": 1, "bob@acme.org": 2}',
    r'{"note": "[Note] call jane@acme.org", "x": "[4111 1111 1111 1111]", "y": "{Jane: jane@acme.org}"}',
    r'{"ssn": 536904399, "phone": "4155552671", "p": "line\none\n\u006aane@acme.org"}',
    '["' + "so on " * 500 + r'jane\u0040example.com"]', r'"jane@acme.org"', "4111111111111111",
    "[[[]], {}, true, -1.5e3]",
]  # fmt: skip
BROKEN: Final = [
    '{"a": 4111 1111 1111 1111}', "plain jane@acme.org", '{"a": "cut jane@acme.org', r'{"a\u00',
    '{"a": jane@acme.org}', "{]jane@acme.org",
    r'{"a": "\x jane@acme.org \u12"}', '{"a": "b"} jane@acme.org', "[12" + " " * 150 + "34]",
    "[" + "1" * 150 + "]", "[" * 600 + '"jane@acme.org',
    '{"' + "k" * 3000 + '": "jane@acme.org"}', '{"a":"' + " " * 100 + '{\\"x\\":1}"}', '{"jane@acme.org',
    '{"a": "\ud800 \\ud83d',
]  # fmt: skip


def made_of(text: str, analyzer: Analyzer) -> str:
    return "".join(StreamRedactor(Redactor(analyzer), json=True).over([text]))


def test_json_stays_json_and_hides_nothing_behind_escapes(fast: Analyzer) -> None:
    for text in JSON:
        made = made_of(text, fast)
        json.loads(made)
        assert not any(each in made for each in ("acme", "example.com", "4111", "2671", "5369")), made
    assert json.loads(made_of(JSON[0], fast))["n"] == "[CREDIT_CARD]"
    inner = json.loads(made_of(JSON[1], fast))
    assert json.loads(inner["args"]) == {"card": "[CREDIT_CARD]", "mail": "[EMAIL_ADDRESS]"}
    assert list(inner) == ["args", "[EMAIL_ADDRESS]", "[EMAIL_ADDRESS] 2"]  # no value is lost
    assert json.loads(made_of(JSON[3], fast))["p"] == "line\none\n[EMAIL_ADDRESS]"


def test_what_is_no_json_is_redacted_as_text(fast: Analyzer) -> None:
    for text in BROKEN:
        assert not any(each in made_of(text, fast) for each in ("acme", "4111 1111")), text
    assert made_of(BROKEN[0], fast) == '{"a": [CREDIT_CARD]}'


def test_json_does_not_depend_on_the_cutting(fast: Analyzer) -> None:
    alike(fast, [*JSON, *BROKEN], 12, seed=21, json=True)


def tree(rng: random.Random, depth: int = 0) -> object:
    kind = rng.randint(0, 3 if depth < 4 else 1)
    if kind == 0:
        return "".join(rng.choices(DENSE, k=rng.randint(0, 6)))
    if kind == 1:
        return rng.choice((None, True, 0, -1.5, 12345, "x"))
    if kind == 2:
        return [tree(rng, depth + 1) for _ in range(rng.randint(0, 4))]
    return {rng.choice(("to", "cardNumber", "a b", "ü")): tree(rng, depth + 1) for _ in range(rng.randint(0, 4))}


def leaves(value: object, name: str, redactor: Redactor) -> object:
    """The same with each string redacted by itself, behind its field's name."""
    if isinstance(value, str):
        stream = StreamRedactor(redactor, before=f"{spoken(name)}: " if name else "")
        return stream.feed(value) + stream.finish()
    if isinstance(value, list):
        return [leaves(each, name, redactor) for each in value]
    if isinstance(value, dict):
        return {key: leaves(each, key, redactor) for key, each in value.items()}
    return value


def test_every_string_of_json_is_redacted_as_a_text_of_its_own(fast: Analyzer) -> None:
    rng, redactor = random.Random(22), Redactor(fast)
    for _ in range(40):
        value = [tree(rng)]
        text = json.dumps(value, ensure_ascii=rng.random() < 0.5, indent=rng.choice((None, 2)))
        made = "".join(StreamRedactor(redactor, json=True).over(chunked(text, rng, 30)))
        assert json.loads(made) == leaves(json.loads(text), "", redactor)


def test_structure_and_names_of_fields_stay(names: Analyzer) -> None:
    text = '{"Jane": {"Paris": [1, 2.50, {}]}, "n": 123456, "text": "\\/ é \\u00e9", "email": null}'
    assert made_of(text, names) == '{"Jane": {"Paris": [1, 2.50, {}]}, "n": 123456, "text": "/ é é", "email": null}'


def test_json_waits_for_names_and_numbers_only_so_long(fast: Analyzer) -> None:
    for text, most in (('{"' + "k" * 9_000, NAME), ("[" + "1" * 9_000, TOKEN)):
        stream = StreamRedactor(Redactor(fast), json=True)
        for each in text[:most]:
            stream.feed(each)
            assert stream.held <= most
        assert stream.held < stream.bound


def test_strings_are_read_and_written_as_json_has_them() -> None:
    rng = random.Random(30)
    for _ in range(300):
        text = "".join(rng.choices(['"', "\\", "\n", "\x00", "é", "😀", "\ud800", "/", "a", "\u2028"], k=8))
        assert json.loads(f'"{escaped(text)}"') == text or "\ud800" in text
        written = json.dumps(text, ensure_ascii=rng.random() < 0.5)
        assert decoded(written, 1, ended=True) == (json.loads(written), len(written) - 1)


def memory() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


@pytest.mark.slow
def test_a_thousand_streams_at_once(names: Analyzer) -> None:
    if not Path("/proc/self/statm").exists():
        pytest.skip("memory is read from /proc")
    rng = random.Random(40)
    texts = []
    for each in range(1_000):
        person = f"Mrs. Ada{each} Byron{each}, ada{each}@example.com, +1 415 555 {each:04}. "
        texts.append("".join(f"{rng.choice(DENSE)} {person} {rng.choice(DENSE)} " for _ in range(4)))
    redactor = Redactor(names, {"PERSON": Numbered()})
    redactor.redact(texts[0], streaming=True)
    before, most = memory(), 0
    streams = [StreamRedactor(redactor) for _ in texts]
    made: list[list[str]] = [[] for _ in texts]
    todo = [chunked(text, rng, 30) for text in texts]
    alive = list(range(len(texts)))
    while alive:
        rng.shuffle(alive)
        for each in list(alive):
            chunk = next(todo[each], None)
            if chunk is None:
                made[each].append(streams[each].finish())
                alive.remove(each)
            else:
                made[each].append(streams[each].feed(chunk))
        most = max(most, memory() - before)
    assert most < 200 << 20
    for text, parts in zip(texts, made, strict=True):
        assert "".join(parts) == redactor.redact(text, streaming=True).text


def test_work_is_linear_in_the_text(fast: Analyzer) -> None:
    hostile: list[Callable[[int], str]] = [
        lambda size: "x" * size,
        lambda size: "a@" * (size // 2),
        lambda size: '{"' * (size // 2),
        lambda size: "\\u00" * (size // 4),
    ]
    for make in hostile:
        costs = []
        for size in (20_000, 80_000):
            text, started = make(size), time.process_time()
            for as_json in (False, True):
                stream = StreamRedactor(Redactor(fast), json=as_json)
                for at in range(0, size, 50):
                    stream.feed(text[at : at + 50])
                stream.finish()
            costs.append(time.process_time() - started)
        assert costs[1] < 12 * costs[0] + 0.1
