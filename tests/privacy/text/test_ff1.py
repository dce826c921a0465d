"""FF1: all samples of NIST SP 800-38G, and what a permutation has to be."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.core.errors import UsageError
from casemate.patterns.validators import luhn
from casemate.privacy.text.ff1 import FF1, tweak

# https://csrc.nist.gov/CSRC/media/Projects/Cryptographic-Standards-and-Guidelines/documents/examples/FF1samples.pdf
K = "2B7E151628AED2A6ABF7158809CF4F3C", "EF4359D8D580AA4F", "7F036D6F04FC6A94"
TEN, MIXED = "39383736353433323130", "3737373770717273373737"
LONG = "0123456789abcdefghi"
SAMPLES = [
    (K[0], 10, "", "0123456789", "2433477484"),
    (K[0], 10, TEN, "0123456789", "6124200773"),
    (K[0], 36, MIXED, LONG, "a9tv40mll9kdu509eum"),
    (K[0] + K[1], 10, "", "0123456789", "2830668132"),
    (K[0] + K[1], 10, TEN, "0123456789", "2496655549"),
    (K[0] + K[1], 36, MIXED, LONG, "xbj3kv35jrawxv32ysr"),
    (K[0] + K[1] + K[2], 10, "", "0123456789", "6657667009"),
    (K[0] + K[1] + K[2], 10, TEN, "0123456789", "1001623463"),
    (K[0] + K[1] + K[2], 36, MIXED, LONG, "xs8a0azh2avyalyzuwd"),
]
KEY = bytes(range(32))


@pytest.mark.parametrize(("key", "radix", "said", "plain", "made"), SAMPLES)
def test_samples_of_the_standard(key: str, radix: int, said: str, plain: str, made: str) -> None:
    cipher = FF1(bytes.fromhex(key), radix, bytes.fromhex(said))
    assert cipher.encrypt(plain) == made
    assert cipher.decrypt(made) == plain
    assert cipher.encrypt_many([plain, plain, plain[::-1]])[:2] == [made, made]  # many at once are another program
    assert cipher.decrypt_many([made, made]) == [plain, plain]


@given(st.integers(2, 36), st.integers(0, 40), st.integers(0, 2**32), st.binary(max_size=40))
def test_one_by_one_is_all_at_once_and_comes_back(radix: int, more: int, seed: int, said: bytes) -> None:
    least = next(n for n in range(2, 64) if radix**n >= 1_000_000)
    draw, letters = random.Random(seed), "0123456789abcdefghijklmnopqrstuvwxyz"[:radix]
    texts = ["".join(draw.choices(letters, k=least + more)) for _ in range(3)]
    cipher = FF1(KEY, radix, said)
    made = cipher.encrypt_many(texts)
    assert made == [cipher.encrypt(each) for each in texts]
    assert cipher.decrypt_many(made) == texts


@pytest.mark.slow
def test_a_whole_domain_is_permuted() -> None:
    texts = [f"{number:06d}" for number in range(1_000_000)]
    made = FF1(KEY).encrypt_many(texts)
    assert len(set(made)) == 1_000_000
    assert sum(one == other for one, other in zip(texts, made, strict=True)) < 10  # one is expected


def test_cards_stay_cards() -> None:
    draw = random.Random(7)
    bodies = [f"4{draw.randrange(10**14):014d}" for _ in range(500)]
    cards = [next(body + check for check in "0123456789" if luhn(body + check)) for body in bodies]
    cipher = FF1(KEY, 10, tweak("CREDIT_CARD", "pan", "shop"))
    accept = lambda card: bool(luhn(card))  # noqa: E731
    made = cipher.encrypt_many(cards, accept)
    assert all(map(accept, made))
    assert cipher.decrypt_many(made, accept) == cards
    assert not set(made) & set(cards)
    with pytest.raises(UsageError, match="may come out"):
        cipher.encrypt("4111111111111112", accept)


@pytest.mark.parametrize("text", ["12345", "", "12a456789", "１２３４５６７８９"])
def test_what_can_be_tried_out_and_other_letters_are_refused(text: str) -> None:
    for some in ([text], [text, text]):
        with pytest.raises(UsageError):
            FF1(KEY).encrypt_many(some)


def test_another_tweak_or_key_is_another_permutation() -> None:
    text = "4111111111111111"
    ciphers = FF1(KEY), FF1(KEY, 10, tweak("A")), FF1(KEY, 10, tweak("", "A")), FF1(KEY[::-1])
    assert len({each.encrypt(text) for each in ciphers}) == 4
    with pytest.raises(UsageError, match="bytes"):
        FF1(b"short")
