"""Ten thousand documents there and back: as they were, as models change them, forged, and after keys were destroyed.

In every other document the author knows the session's nonce and writes look-alikes with it. Those come back exactly,
too, but are not changed: where a placeholder stands in the middle of somebody's brackets and loses its own, nobody can
tell whose they are.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from casemate.keys.ed25519 import Ed25519Signer
from casemate.keys.kek_file import create_kek
from casemate.privacy.text import placeholders
from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.arbiter import settled
from casemate.privacy.text.redactor import Redacted, Redactor
from casemate.privacy.text.spans import Span
from casemate.privacy.text.vault import Vault
from casemate.stats.proportions import clopper_pearson

TALKS, DOCUMENTS = 100, 100
SPLIT = "\n\x1e\n"
WORDS = (
    "write to {mail} or {mail}", "call {phone} now", "card {card},", "{name} and {name} met",
    "{name}'s mail: <{mail}>", "({name})", "**{name}**",
    "see [the page]", "a_b_c", "x < y & z", "&#91;1&#93;", "\\[a\\]", "# {name}\n", "- {phone}\n", "`code`",
    "[PERSON_1]", "[EMAIL_ADDRESS]", "\n\n",
    "[PERSON_{other}_1]", "PERSON_{other}_2 is nobody", "{foreign} stays",
)  # fmt: skip
KNOWING = ("[person {nonce} 1]?", "[EMAIL_ADDRESS_{nonce}_2].", "who is PERSON_{nonce}_3")
NAMES = ("Jane Doe", "Ada Byron", "Bob", "Ünal", "O'Neil", "Anne-Marie", "李雷", "jane")
Mangle = Callable[[str], str]
KINDS: dict[str, tuple[Mangle, str]] = {
    "case": (str.lower, "{}"),
    "spaces": (lambda said: said.replace("_", " ").replace("[", "[ ").replace("]", " ]"), "{}"),
    "line breaks inside": (lambda said: said.replace("_", "_\n"), "{}"),
    "bold, code and escapes": (lambda said: said.replace("_", "\\_"), "**{}**"),
    "entities": (lambda said: said.replace("[", "&#91;").replace("]", "&#93;").replace("_", "&#95;"), "{}"),
    "full-width brackets": (lambda said: said.replace("[", "［").replace("]", "］"), "{}"),
    "quotes": (str.title, '"{}"'),
    "lost brackets": (lambda said: said.strip("[]"), "({})"),
}  # fmt: skip


def document(rng: random.Random, nonce: str, foreign: str, words: tuple[str, ...]) -> tuple[str, list[Span]]:
    """A text with what is found by hand: names, some of them twice, some overlapping other finds."""
    text, spans = "", list[Span]()
    for form in rng.choices(words, k=rng.randint(3, 14)):
        parts = form.replace("{name}", "\x00{name}\x00").split("\x00")
        for part in parts:
            said = part.format(
                mail=f"{rng.choice(('jane', 'bob', 'Ada.B'))}{rng.randint(0, 9)}@acme.org",
                phone=f"+1 415 555 26{rng.randint(10, 99)}",
                card="4111 1111 1111 1111", name=rng.choice(NAMES), other=placeholders.nonce(), nonce=nonce,
                foreign=foreign,
            )  # fmt: skip
            if part == "{name}":
                spans.append(Span(len(text), len(text) + len(said), "PERSON", 0.9, "test"))
            text += said
        text += rng.choice((" ", " ", ". ", "\n"))
    spans += [
        Span(*pair.span(), "ORGANIZATION", 0.8, "test")  # two words, of which one may be found already
        for pair in re.finditer(r"(?<!\S)[A-Za-z]+ [A-Za-z@.]+(?!\S)", text)
        if rng.random() < 0.1
    ]
    return text, spans


def mangled(text: str, done: Redacted, mangle: Mangle, around: str) -> tuple[str, str]:
    """The redacted text with its placeholders changed, and what should come back."""
    sent, goal, at = [], [], 0
    for span, new in zip(done.spans, done.replacements, strict=True):
        sent += [text[at : span.start], around.format(mangle(new))]
        goal += [text[at : span.start], around.format(text[span.start : span.end])]
        at = span.end
    return "".join((*sent, text[at:])), "".join((*goal, text[at:]))


@pytest.mark.slow
def test_ten_thousand_documents_there_and_back(tmp_path: Path) -> None:
    rng, analyzer = random.Random(1), Analyzer("fast", types=("EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD"))
    kek, signer = create_kek(tmp_path / "kek"), Ed25519Signer("example.org/vault", bytes(32))
    vault = Vault.create(tmp_path / "vault", [kek], signer, {"clerk": ["answer"]})

    def back(text: str, nonce: str) -> str:
        return vault.restore(text, role="clerk", purpose="answer", session=nonce)

    foreign_session = vault.session("stranger")
    foreign = foreign_session("Eve Stranger", Span(0, 12, "PERSON", 0.9, "test"))
    foreign_session.commit()
    whole = dict.fromkeys(KINDS, 0)
    missed: dict[str, str] = {}
    for talk in range(TALKS):
        session = vault.session(f"person {talk}")
        redactor = Redactor(analyzer, default=session)
        kept, changed, goals, texts = [], list[str](), list[str](), list[str]()
        for number in range(DOCUMENTS):
            knows = number % 2 == 1
            text, spans = document(rng, session.nonce, foreign, (*WORDS, *KNOWING) if knows else WORDS)
            done = redactor.replace(text, settled([*analyzer.find(text), *spans], 0.0))
            kept.append(done)
            texts.append(text)
            for mangle, around in () if knows else KINDS.values():
                sent, goal = mangled(text, done, mangle, around)
                changed.append(sent)
                goals.append(goal)
        redacted = SPLIT.join(each.text for each in kept)
        assert back(redacted, session.nonce) == SPLIT.join(texts)
        assert "Eve Stranger" not in back(redacted, session.nonce)
        returned = back(SPLIT.join(changed), session.nonce).split(SPLIT)
        for kind, sent, made, goal in zip(itertools.cycle(KINDS), changed, returned, goals, strict=False):
            whole[kind] += made == goal
            if made != goal:
                missed.setdefault(kind, f"{sent!r} -> {made!r}")
        assert vault.forget(f"person {talk}") == len({new for each in kept for new in each.replacements})
        assert back(redacted, session.nonce) == redacted
        assert back(SPLIT.join(changed), session.nonce) == SPLIT.join(changed)
    total = TALKS * DOCUMENTS // 2
    for kind, count in whole.items():
        assert count / total >= 0.99, (kind, count, clopper_pearson(count, total), missed[kind])
