"""What leaks is counted as a reader sees it, and attacks succeed where they must and fail where they must."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

import jsonschema
import numpy as np
import pytest

from casemate.cli.app import run
from casemate.core.errors import UsageError
from casemate.privacy.text.analyzer import Analyzer
from casemate.privacy.text.assess import assess, leaks_schema
from casemate.privacy.text.attacks import dictionary, frequency, readable, remaining
from casemate.privacy.text.attacks.frequency import guess
from casemate.privacy.text.choice import keep
from casemate.privacy.text.labeled import Labeled, Mention, read_labeled
from casemate.privacy.text.leaks import leaks
from casemate.privacy.text.operators.keyed import Pseudonym
from casemate.privacy.text.operators.numbers import Numbered
from casemate.privacy.text.redactor import Redactor, label
from casemate.privacy.text.spans import Span

ANALYZER = Analyzer("fast")


def text(*parts: str | tuple[str, str], language: str = "") -> Labeled:
    """Words, and (type, value) for what must not be seen."""
    made, spans = "", []
    for each in parts:
        type, value = each if isinstance(each, tuple) else ("", each)
        if type:
            spans.append(Mention(start=len(made), end=len(made) + len(value), type=type))
        made += value
    return Labeled(text=made, spans=tuple(spans), language=language)


def by_hand(sample, operator=label, missed=()):
    """Redacted where it is marked, but for mentions that are missed, by number of document and mention."""
    redactor = Redactor(ANALYZER, default=operator)
    return [
        redactor.replace(
            each.text,
            [Span(one.start, one.end, one.type, 1.0, "hand") for at, one in enumerate(each.spans)
             if (number, at) not in missed],
        )
        for number, each in enumerate(sample)
    ]  # fmt: skip


def test_a_thing_is_hidden_only_if_all_its_mentions_are():
    parts = ("PERSON", "Ada Byron"), " met ", ("PERSON", "ada byron"), " in ", ("LOCATION", "Rome")
    sample = [text(*parts, language=each) for each in ("en", "it")]
    found = leaks(sample, by_hand(sample, missed={(0, 1)}))
    groups = {(each.type, each.language): each for each in found.groups}
    person = groups["PERSON", "all"]
    assert (person.mentions.k, person.mentions.n) == (1, 4)
    assert (person.entities.k, person.entities.n) == (1, 2)
    assert (person.letters.k, person.letters.n) == (8, 32)
    assert groups["PERSON", "it"].entities.k == groups["LOCATION", "all"].entities.k == 0
    assert (found.clean.k, found.clean.n) == (1, 2)
    assert (found.kept.k, found.kept.n) == (4, 4)
    assert person.entities.rate.high == pytest.approx(0.98742, abs=1e-4)  # Clopper and Pearson's of 1 of 2
    assert found.groups[0].entities.rate.high > 0.5  # of 4 things in 2 documents


def test_what_is_kept_or_repeated_leaks_and_what_is_hidden_too_much_costs():
    sample = [text("call ", ("PERSON", "Ada"), " now")]
    assert leaks(sample, by_hand(sample, keep)).groups[0].entities.k == 1
    assert leaks(sample, by_hand(sample, lambda value, span: f"<{value.upper()}>")).groups[0].entities.k == 1
    assert leaks(sample, by_hand(sample, Numbered())).groups[0].entities.k == 0
    whole = [Redactor(ANALYZER).replace(sample[0].text, [Span(0, 8, "PERSON", 1.0, "hand")])]
    assert (leaks(sample, whole).kept.k, leaks(sample, whole).kept.n) == (1, 2)
    assert leaks(sample, by_hand(sample), ["LOCATION"]).groups[0].entities.n == 0  # nobody asked for persons


def test_zero_leaks_have_a_bound():
    sample = [text("mail ", ("EMAIL_ADDRESS", f"jane{each}@example.com")) for each in range(50)]
    found = assess(sample, Redactor(ANALYZER))
    assert found.leaks.groups[0].entities.k == 0
    assert found.leaks.groups[0].entities.rate.high == pytest.approx(0.0711, abs=1e-4)
    recall = next(each for each in found.measurements("x") if each.metric == "recall")
    assert (recall.kind, recall.estimate, round(recall.low, 4)) == ("data/pii-scan", 1.0, 0.9289)


def test_plain_hashes_fall_and_keyed_pseudonyms_do_not():
    people = [f"{first} {last}" for first in ("Ada", "Bob", "Eve", "Zoë") for last in ("Byron", "Jones", "Smith")]
    sample = [text("of ", ("PERSON", each)) for each in people]
    plain = dictionary(sample, by_hand(sample, lambda value, _: hashlib.sha256(value.encode()).hexdigest()))
    assert (plain.after.k, plain.after.n) == (12, 12)
    assert "sha256, hex" in plain.note
    many = (f"nobody {each}" for each in range(5_000))
    keyed = dictionary(sample, by_hand(sample, Pseudonym(bytes(range(32)))), many)
    assert (keyed.before.k, keyed.after.k, keyed.after.n) == (12, 0, 12)  # the attack works on the same values
    assert keyed.after.rate.high == pytest.approx(0.2646, abs=1e-4)
    assert "pseudonyms" in dictionary(sample, by_hand(sample)).skipped


def test_frequencies_tell_what_pseudonyms_stand_for_unless_they_begin_anew():
    rng = np.random.default_rng(3)
    people = [f"Person{each} Name" for each in range(12)]
    share = 0.75 ** np.arange(12)
    drawn = rng.choice(12, (600, 3), p=share / share.sum())
    sample = [text("of ", *(part for each in row for part in (("PERSON", people[each]), ", "))) for row in drawn]
    same = frequency(sample, by_hand(sample, Pseudonym(bytes(range(32)))), seed=1)
    anew = frequency(sample, by_hand(sample, Numbered()), seed=1)
    assert (same.before.rate.value, same.after.n) == (1.0, 900)
    assert same.after.rate.value > 0.8
    assert anew.after.rate.value < 0.5
    assert "not tried" not in same.note
    assert frequency(sample[:5], by_hand(sample[:5])).skipped


def test_company_tells_what_frequency_does_not():
    rng = np.random.default_rng(0)
    weight = np.triu(rng.pareto(1.0, (20, 20)), 1)
    pairs, weight = np.argwhere(weight), weight[weight > 0] / weight.sum()

    def documents(letter):
        return [Counter(f"{letter}{each}" for each in pairs[at]) for at in rng.choice(len(pairs), 1500, p=weight)]

    seen, known = documents("p"), documents("v")
    found = guess(seen, known, np.random.default_rng(1))
    right = sum(found[f"p{each}"] == f"v{each}" for each in range(20))
    alone = guess(_alone(seen), _alone(known), np.random.default_rng(1))
    by_rank = sum(alone.get(f"p{each}") == f"v{each}" for each in range(20))
    assert right > by_rank + 4


def _alone(documents):
    """The same words, each in a document of its own: only frequencies are left."""
    return [Counter([word]) for each in documents for word in each]


def test_what_was_missed_is_read_in_every_spelling():
    sample = [text("write ", ("EMAIL_ADDRESS", "jane@example.com"), ", that is ", ("X", "amFuZUBleGFtcGxlLmNvbQ==")),
              text("write ", ("EMAIL_ADDRESS", "jane@example.com"), ", that is ", ("X", "jane%40example.com")),
              text("write ", ("EMAIL_ADDRESS", "jane@example.com"), " and no more")]  # fmt: skip
    found = readable(sample, by_hand(sample, missed={(0, 1), (1, 1)}), frozenset({"EMAIL_ADDRESS"}))
    assert (found.before.k, found.after.k, found.after.n) == (3, 2, 3)
    assert "0 of 3 stand in the result, 2 more" in found.note


def test_what_is_left_singles_out():
    sample = [text("from ", ("LOCATION", place), " born ", ("DATE_OF_BIRTH", born))
              for place, born in (("Rome", "1970"), ("Rome", "1980"), ("Bern", "1980"))]  # fmt: skip
    found = remaining(sample, by_hand(sample, missed={(0, 0), (2, 0)}))
    assert (found.before.k, found.after.k, found.after.n) == (3, 1, 3)  # only one is from Bern
    assert "2 of 3" in found.note


def test_samples_that_cannot_be_used(tmp_path):
    path = tmp_path / "x.jsonl"
    for said, told in (
        ('{"text": "a", "spans": [{"start": 0, "end": 2, "type": "X"}]}', "0 to 2 in a text of 1"),
        ('{"text": "a"}', "without spans"),
        ('{"text": 1}', "Expected `str`"),
        ('{"text": "a", "spans": [{"start": 0, "end": 1, "type": ""}]}', "without a type"),
    ):
        path.write_text(said, encoding="utf-8")
        with pytest.raises(UsageError) as caught:
            read_labeled(path)
        assert told in str(caught.value.cause)
    path = tmp_path / "x.conll"
    path.write_text("-DOCSTART- O\n\nAda B-PER\nByron I-PER\nin O\nRome B-LOC\n\nRolling B-MISC\n", encoding="utf-8")
    first, second = read_labeled(path)
    assert [(each.type, first.value(each)) for each in first.spans] == [("PERSON", "Ada Byron"), ("LOCATION", "Rome")]
    assert second.entities() == {}


def test_from_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CASEMATE_HOME", str(tmp_path / "home"))
    sample, report, proof = tmp_path / "sample.jsonl", tmp_path / "r.json", tmp_path / "proof"
    lines = [{"text": f"mail j{at}@example.com", "spans": [{"start": 5, "end": 19 + (at > 9), "type": "EMAIL_ADDRESS"}]}
             for at in range(80)]  # fmt: skip
    sample.write_text("".join(json.dumps(each) + "\n" for each in lines), encoding="utf-8")
    words = ["redact", str(sample), "--mode", "fast", "--assess", "--report", str(report), "--at-most"]
    assert run([*words, "0.05", "--evidence", str(proof)]) == 0
    said = capsys.readouterr().out
    assert "PASS  0.0% of what was marked leaks, 0.0% to 4.5%" in said
    told = json.loads(report.read_bytes())
    jsonschema.Draft202012Validator(json.loads(leaks_schema())).validate(told)
    assert told["leaks"][0]["entities"]["n"] == 80
    assert told == json.loads((proof / "leaks.json").read_bytes())
    assert "j7@example.com" not in report.read_text("utf-8") + said
    verify = said.partition("proof  casemate ")[2].split()
    monkeypatch.chdir(tmp_path)
    assert run(verify) == 0
    assert run([*words, "0.01"]) == 2  # too few to tell
    capsys.readouterr()
    assert run([*words, "0.01", "--operator", "keep", "--why"]) == 1
    said = capsys.readouterr().err
    assert (said.count("\n"), said.splitlines()[79]) == (80, "document 80: 5-20 EMAIL_ADDRESS is seen")
    assert run(["redact", str(sample), "--evidence", str(proof)]) == 3
    assert run([*words[:-1], "--in-place"]) == 3
    report = tmp_path / "r.html"
    assert run(["redact", str(sample), "--mode", "fast", "--assess", "--report", str(report)]) == 0
    assert "example.com" not in report.read_text("utf-8")
