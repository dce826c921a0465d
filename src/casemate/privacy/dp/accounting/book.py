"""Budgets of data sets, and what was spent of them, in a ledger: nothing is released before it is paid for.

A charge is durable before `Book.charge` returns, so a crash can lose what was paid for and never the payment; what is
repeated is paid for again. Processes take turns, one charge at a time, and each sees what the others have spent.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from casemate.core.errors import SpentError, UsageError
from casemate.keys.signing import Signer
from casemate.ledger.ledger import Ledger
from casemate.ledger.statement import open_record, seal
from casemate.ledger.turns import turn
from casemate.privacy.dp.accounting.accountant import Accountant
from casemate.privacy.dp.accounting.events import Repeated, Single
from casemate.privacy.dp.checks import check_delta, check_epsilon

GRANT, CHARGE = "privacy/budget", "privacy/charge"
"""Kinds of records."""


@dataclass(frozen=True)
class Account:
    """A data set's budget.

    Attributes:
        name: of the data set.
        epsilon, delta: what may be spent in all.
        spent: what was released, each charge in order.
        purposes: of each charge.
    """

    name: str
    epsilon: float
    delta: float
    spent: Accountant = field(default_factory=Accountant)
    purposes: tuple[str, ...] = ()

    @property
    def used(self) -> float:
        """Epsilon spent at the budget's delta; infinite where pure epsilon is granted and something else was spent."""
        return self.spent.epsilon(self.delta)

    def __str__(self) -> str:
        budget = f"epsilon {self.epsilon:g}" + (f" at delta {self.delta:g}" if self.delta else ", pure")
        return f"{self.name}: {self.used:.4g} spent of {budget}, {len(self.purposes)} charges"


class Book:
    """The budgets in one folder.

    Args:
        folder: of the ledger; made when missing.
        signer: signs records and checkpoints.
        wait: seconds to wait for other processes' turns.

    Example:
        >>> import tempfile
        >>> from casemate.keys.ed25519 import Ed25519Signer
        >>> from casemate.privacy.dp.accounting.events import Gaussian
        >>> book = Book(Path(tempfile.mkdtemp()) / "budgets", Ed25519Signer("example.org/privacy", bytes(32)))
        >>> book.grant("patients", epsilon=1.0, delta=1e-6)
        >>> print(book.charge("patients", Gaussian(8.0), 2, purpose="two histograms"))
        patients: 0.7305 spent of epsilon 1 at delta 1e-06, 1 charges
    """

    def __init__(self, folder: Path, signer: Signer, *, wait: float = 30.0) -> None:
        self.folder, self.signer, self.wait = folder, signer, wait

    def grant(self, name: str, *, epsilon: float, delta: float = 0.0, digest: str = "") -> None:
        """Decide what may be spent on a data set; a later decision replaces it, and both stay on record.

        Args:
            name: of the data set, the same through all its versions: what was spent on one is spent.
            epsilon: in all, with everything that was spent before.
            delta: likewise; 0 for pure epsilon.
            digest: SHA-256 of the data set, in hexadecimal.

        Raises:
            UsageError: this is no budget.
        """
        check_epsilon(epsilon)
        check_delta(delta, pure=True)
        with self._turn() as ledger:
            self._write(ledger, GRANT, {"data": name, "epsilon": epsilon, "delta": delta}, name, digest)

    def charge(self, name: str, release: Single, count: int = 1, *, purpose: str, digest: str = "") -> Account:
        """Pay for releases that are about to be made.

        Args:
            name: of the data set.
            release: what is done once.
            count: how often.
            purpose: why, for the record.
            digest: SHA-256 of the data set as it is now, in hexadecimal.

        Returns:
            The account after the charge, which is durable.

        Raises:
            SpentError: the budget does not allow it; nothing was charged.
            UsageError: nothing was granted.
            LockedError: other processes kept the ledger too long; nothing was charged.
        """
        event = Repeated(release, count)
        with self._turn() as ledger:
            account = self._account(ledger, name)
            after = Account(
                name,
                account.epsilon,
                account.delta,
                account.spent.compose(release, count),
                (*account.purposes, purpose),
            )
            if after.used > account.epsilon:
                raise SpentError(
                    f"the budget of {name!r} does not allow this",
                    cause=f"epsilon {account.used:.4g} of {account.epsilon:g} is spent; this would make it "
                    f"{after.used:.4g}",
                    next_step="release less or with more noise, or grant more and write down why",
                )
            self._write(ledger, CHARGE, {"data": name, "event": event, "purpose": purpose}, name, digest)
        return after

    def account(self, name: str) -> Account:
        """What may be spent on a data set and what was.

        Raises:
            UsageError: nothing was granted.
        """
        with self._turn() as ledger:
            return self._account(ledger, name)

    def _account(self, ledger: Ledger, name: str) -> Account:
        granted: tuple[float, float] | None = None
        events, purposes = [], []
        for index, entry in enumerate(ledger.entries()):
            record = open_record(index, entry, [self.signer.verifier])
            said = record.predicate
            if said.get("data") != name:
                continue
            if record.kind == GRANT:
                granted = said["epsilon"], said["delta"]
            elif record.kind == CHARGE:
                events.append(msgspec.convert(said["event"], Repeated))
                purposes.append(said["purpose"])
        if granted is None:
            raise UsageError(
                f"no budget was granted for {name!r}", next_step="decide how much may be spent, then grant it"
            )
        return Account(name, *granted, Accountant(tuple(events)), tuple(purposes))

    def _write(self, ledger: Ledger, kind: str, said: dict[str, object], name: str, digest: str) -> None:
        subjects = {name: digest} if digest else {}
        ledger.append(seal(kind, said, subjects, [self.signer]))

    def _turn(self) -> AbstractContextManager[Ledger]:
        """The ledger for this process alone."""
        return turn(self.folder, [self.signer], self.wait)
