"""Budgets: nothing is released unpaid, nobody overspends, whoever else is spending and whenever somebody dies."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from casemate.core.errors import LockedError, SpentError, TamperedError, UsageError
from casemate.keys.ed25519 import Ed25519Signer
from casemate.ledger.ledger import Ledger
from casemate.privacy.dp.accounting.accountant import Accountant
from casemate.privacy.dp.accounting.book import Book
from casemate.privacy.dp.accounting.events import Approximate, Gaussian, Laplace, Poisson
from casemate.privacy.dp.accounting.planning import steps_for
from tests.privacy.dp.accounting.spender import NOISE, SIGNER

ROOT = Path(__file__).parents[4]


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path / "budgets", SIGNER)


def spender(book: Book, name: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.privacy.dp.accounting.spender", str(book.folder), name]
    path = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=path)


def test_charges_add_up_over_runs_until_nothing_is_left(book: Book) -> None:
    book.grant("patients", epsilon=2.0, delta=1e-6, digest="ab" * 32)
    training = Poisson(0.01, Gaussian(1.0))
    first = book.charge("patients", training, 500, purpose="training", digest="ab" * 32)
    again = Book(book.folder, SIGNER).account("patients")
    assert again == first
    assert again.used == Accountant().compose(training, 500).epsilon(1e-6)
    assert again.purposes == ("training",)
    assert "1 charges" in str(again)
    with pytest.raises(SpentError, match="does not allow") as caught:
        book.charge("patients", training, 5000, purpose="training for longer")
    assert caught.value.next_step
    assert book.account("patients") == first  # a refusal costs nothing
    book.charge("patients", Laplace(5.0), purpose="a count")
    assert first.used < book.account("patients").used < 2.0
    book.grant("patients", epsilon=9.0, delta=1e-6)
    assert book.charge("patients", training, 5000, purpose="after a decision").epsilon == 9.0


def test_pure_budgets_pay_for_pure_releases_alone(book: Book) -> None:
    book.grant("patients", epsilon=1.0)
    book.charge("patients", Laplace(4.0), 2, purpose="counts")
    book.charge("patients", Approximate(0.5), purpose="a mechanism of others")
    assert book.account("patients").used == pytest.approx(1.0)
    for more in (Laplace(1e6), Gaussian(1e6)):
        with pytest.raises(SpentError):
            book.charge("patients", more, purpose="one more")


def test_data_sets_have_budgets_of_their_own(book: Book) -> None:
    book.grant("patients", epsilon=1.0, delta=1e-6)
    book.grant("doctors", epsilon=1.0, delta=1e-6)
    book.charge("patients", Gaussian(6.0), purpose="means")
    assert book.account("doctors").used == 0
    with pytest.raises(UsageError, match="no budget was granted"):
        book.charge("visitors", Gaussian(6.0), purpose="means")
    for epsilon, delta in ((0.0, 1e-6), (math.inf, 1e-6), (1.0, 1.0), (1.0, -0.1)):
        with pytest.raises(UsageError):
            book.grant("patients", epsilon=epsilon, delta=delta)


def test_two_processes_spend_exactly_what_there_is(book: Book) -> None:
    book.grant("patients", epsilon=1.0, delta=1e-6)
    processes = [spender(book, name) for name in ("one", "two")]
    said = [process.communicate(timeout=120)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    account = book.account("patients")
    assert len(account.purposes) == sum(map(len, said)) == steps_for(1.0, 1e-6, noise_multiplier=NOISE)
    assert account.used <= 1.0


def test_a_process_that_dies_has_paid_for_all_that_it_released(book: Book) -> None:
    book.grant("patients", epsilon=1.0, delta=1e-6)
    process = spender(book, "dies")
    assert process.stdout is not None
    for _ in range(3):
        process.stdout.readline()
    process.kill()
    said = 3 + len(process.stdout.read().split())
    process.wait()
    process.stdout.close()
    paid = len(book.account("patients").purposes)
    assert said <= paid <= said + 1
    before = book.account("patients").used
    assert book.charge("patients", Gaussian(NOISE), purpose="resumed").used > before


def test_a_ledger_that_others_hold_or_signed_is_left_alone(book: Book) -> None:
    book.grant("patients", epsilon=1.0, delta=1e-6)
    impatient = Book(book.folder, SIGNER, wait=0.0)
    with Ledger.open(book.folder, [SIGNER]), pytest.raises(LockedError):
        impatient.charge("patients", Gaussian(NOISE), purpose="now")
    assert book.account("patients").purposes == ()
    with pytest.raises(TamperedError):
        Book(book.folder, Ed25519Signer("example.org/privacy", bytes(range(1, 33)))).account("patients")
