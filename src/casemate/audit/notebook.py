"""What the ledger keeps of an audit: the plan, finished trials, figures, pairs, verdicts and files' digests."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from casemate.audit.arrays import decode, encode
from casemate.audit.executor import Done, Job
from casemate.audit.plan import Plan, Scope
from casemate.core.digests import Digest, canonical_json
from casemate.core.errors import UsageError
from casemate.keys import files
from casemate.keys.signing import Signer, vkey
from casemate.ledger import statement
from casemate.ledger.blobs import Blobs
from casemate.ledger.keyring import Keyring
from casemate.ledger.ledger import Ledger
from casemate.ledger.statement import Record
from casemate.training.engagement import Result

KEY_NAME = "casemate.local"
LEDGER = "ledger"


@dataclass(frozen=True)
class Kept:
    """A finished trial as the ledger holds it."""

    result: Result
    seconds: float
    queries: int


class Notebook:
    """The ledger of one audit folder, open for writing. Use it in a ``with`` block.

    Args:
        folder: the audit folder; its ledger is made when missing.
        home: where keys lie; the user's key home unless given. Never inside the audit folder.
    """

    def __init__(self, folder: Path, home: Path | None = None) -> None:
        home = home or files.default_home()
        self.folder = folder
        files.require_outside(home, folder)
        self.signer: Signer = files.load_or_create_key(home / "signing.key", KEY_NAME)
        place = folder / LEDGER
        if origin := read_origin(place):
            self._ledger = Ledger.open(place, [self.signer])
        else:
            origin = f"{KEY_NAME}/audit/{secrets.token_hex(8)}"
            self._ledger = Ledger.create(place, [self.signer], origin=origin)
        number = origin.rpartition("/")[2]
        self.anchor = home / "checkpoints" / f"{number}.checkpoint"
        self._blobs = Blobs(place, Keyring(keyring_path(origin, home)))
        self.records: list[Record] = [
            statement.open_record(index, entry, [self.signer.verifier])
            for index, entry in enumerate(self._ledger.entries())
        ]
        self._trials = {_address(record.predicate): record for record in self.records if record.kind == "trial"}
        self._blobs.prune([record.predicate["blob"] for record in self._trials.values()])
        self._payloads = {record.digest: record.index for record in self.records}
        self._work: dict[tuple[str, str, str], str] = {}
        self._plan: Record | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ledger.close()
        files_note = self._ledger.checkpoint
        self.anchor.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.anchor.write_text(files_note, encoding="utf-8")

    @property
    def verifier(self) -> str:
        """The public key, as text."""
        return vkey(self.signer.verifier)

    @property
    def checkpoint(self) -> str:
        """The signed checkpoint over everything kept so far."""
        return self._ledger.checkpoint

    @property
    def settled(self) -> bool:
        """Whether nothing was recorded since the files were bound, and they are still what was bound."""
        if not self.records or self.records[-1].kind != "binding":
            return False
        bound = self.records[-1].predicate["files"].items()
        return all((path := self.folder / n).is_file() and Digest.of_file(path).hex == sha256 for n, sha256 in bound)

    @property
    def plan(self) -> Record:
        """The record of the plan in force."""
        if self._plan is None:
            raise UsageError("no plan is recorded yet", next_step="call begin first")
        return self._plan

    def begin(self, plan: Plan, scopes: Iterable[Scope], loads: Iterable[Mapping[str, Any]]) -> None:
        """Record the plan before its first trial, unless the plan in force is the same."""
        everyone = (each for scope in scopes for each in (scope, *scope.borrowed))
        self._work = {job.address: each.work for each in everyone for job in each.jobs}
        predicate = {**said(plan), "signer": self.verifier}
        last = next((record for record in reversed(self.records) if record.kind == "plan"), None)
        if last is not None and _undated(last.predicate) == _undated(predicate):
            self._plan = last
            return
        started = datetime.now(UTC).replace(microsecond=0).isoformat()
        self._plan = self.record("plan", [({**predicate, "started": started}, {**plan.subjects, **plan.data})])[0]
        self.record("load", [(load, {str(load["path"]): str(load["sha256"])}) for load in loads])

    def holds(self, job: Job) -> bool:
        """Whether this job's trial is kept."""
        return self._key(job) in self._trials

    def results(self, each: Scope) -> dict[str, Kept]:
        """What the finished jobs of a scope and of those it rests on left, by task."""
        return {name: _kept(self._blobs, self._trials[self._key(job)].predicate) for name, job in each.all_jobs.items()}

    def keep(self, done: Done) -> None:
        """Keep a finished job; when this returns it survives a power cut."""
        job = done.job
        predicate = {
            "plan": self.plan.digest,
            "work": self._work[job.address],
            "subject": job.subject,
            "assessment": job.spec.id,
            "task": job.task.id,
            "seed": self.plan.predicate["seed"],
            "seconds": round(done.seconds, 4),
            "queries": done.queries,
            "blob": self._blobs.put(encode(done.result)),
        }
        subject = {job.subject: self.plan.predicate["subjects"][job.subject]}
        record = self.record("trial", [(predicate, subject)])[0]
        self._trials[_address(predicate)] = record

    def trials(self, each: Scope) -> list[str]:
        """Digests of the trial records that a scope's figures rest on."""
        return [self._trials[self._key(job)].digest for job in each.all_jobs.values()]

    def record(self, kind: str, said: Sequence[tuple[Mapping[str, Any], Mapping[str, str]]]) -> list[Record]:
        """Append statements, each a predicate and its subjects; what is recorded already is not said twice."""
        payloads = [statement.encode(kind, predicate, subjects) for predicate, subjects in said]
        new = [at for at, payload in enumerate(payloads) if Digest.of(payload).hex not in self._payloads]
        if new:
            entries = [statement.seal(kind, *said[at], [self.signer]) for at in new]
            first = self._ledger.append_many(entries)
            for index, at in enumerate(new, first):
                made = Record(index, payloads[at], statement.decode(payloads[at]))
                self.records.append(made)
                self._payloads[made.digest] = index
        return [self.records[self._payloads[Digest.of(payload).hex]] for payload in payloads]

    def bind(self, names: Iterable[str]) -> None:
        """Bind files of the audit folder by digest, as the last record."""
        bound = {name: Digest.of_file(self.folder / name).hex for name in sorted(names)}
        payload = statement.encode("binding", {"files": bound}, bound)
        self._payloads.pop(Digest.of(payload).hex, None)  # the same files may be bound again after other records
        self.record("binding", [({"files": bound}, bound)])

    def _key(self, job: Job) -> tuple[str, str]:
        return self._work[job.address], job.task.id


def read_trials(ledger: Path, records: Sequence[Record], home: Path) -> Callable[[Scope], dict[str, Kept]]:
    """What verified trial records left, by task, without opening the ledger for writing.

    The trials may have been run elsewhere: the environments that the plans recorded are tried, the newest first.

    Raises:
        UsageError: a trial is missing, or the key of its blob is not in this key home.
    """
    blobs = Blobs(ledger, Keyring(keyring_path(read_origin(ledger), home)))
    trials = {_address(record.predicate): record.predicate for record in records if record.kind == "trial"}
    places = [record.predicate["environment"] for record in reversed(records) if record.kind == "plan"]

    def find(each: Scope) -> dict[str, Kept]:
        for place in places:
            held = {name: (owner.work_in(place), job.task.id) for name, (owner, job) in each.owners.items()}
            if all(address in trials for address in held.values()):
                return {name: _kept(blobs, trials[address]) for name, address in held.items()}
        raise UsageError(
            f"the ledger does not hold the trials of {each.spec.id} on {each.engagement.name}",
            cause="it was not run, or model, data or options are not those of the audit",
            next_step="run casemate audit first, or check the configuration",
        )

    return find


def keyring_path(origin: str, home: Path) -> Path:
    """Where the keys of a ledger's blobs lie."""
    return home / "keyrings" / f"{origin.rpartition('/')[2]}.jsonl"


def _kept(blobs: Blobs, trial: Mapping[str, Any]) -> Kept:
    return Kept(decode(blobs.get(str(trial["blob"]))), float(trial["seconds"]), int(trial["queries"]))


def said(value: msgspec.Struct) -> dict[str, Any]:
    """A struct as plain values of its declared types (a whole number in a float field is a float), ready to record."""
    plain: dict[str, Any] = msgspec.to_builtins(msgspec.convert(msgspec.to_builtins(value), type(value)))
    return plain


def _undated(plan: Mapping[str, Any]) -> bytes:
    return canonical_json({name: value for name, value in plan.items() if name != "started"})


def _address(predicate: Mapping[str, Any]) -> tuple[str, str]:
    return str(predicate["work"]), str(predicate["task"])


def read_origin(ledger: Path) -> str:
    """The origin of the ledger in this folder, or "" when there is none."""
    for name in ("checkpoint", "journal"):
        if (ledger / name).exists():
            text = (ledger / name).read_bytes()
            start = text.find(f"{KEY_NAME}/audit/".encode())
            return text[start:].split(b"\n", 1)[0].decode("ascii", "replace") if start >= 0 else KEY_NAME
    return ""
