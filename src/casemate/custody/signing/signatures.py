"""Which trusted keys signed an envelope, in which order. Pure; every byte beside the payload is checked as well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from casemate.core.errors import TamperedError, UnreadableError
from casemate.custody.signing.envelope import key_name, payload_of, verifies
from casemate.keys.dsse import Envelope, Signature
from casemate.keys.signing import Verifier, decode_base64
from casemate.keys.text import algorithm_of

MOST_SIGNATURES: Final = 16


@dataclass(frozen=True)
class Signatures:
    """The signatures of one envelope.

    Attributes:
        payload: what they sign.
        keys: for each, in order, the trusted key that made it, or None where no trusted key is meant.
    """

    payload: bytes
    keys: tuple[Verifier | None, ...]

    @property
    def known(self) -> bool:
        """Whether at least one is by a trusted key."""
        return any(self.keys)

    def by(self, keys: Sequence[Verifier]) -> bool:
        """Whether these keys all signed, one directly after the other and in this order."""
        wanted = [(key.signature_type, key.public) for key in keys]
        found = [None if key is None else (key.signature_type, key.public) for key in self.keys]
        return bool(wanted) and any(found[at : at + len(wanted)] == wanted for at in range(len(found)))

    def require(self, algorithms: Sequence[str]) -> None:
        """Refuse another number, order or kind of signatures than these algorithms.

        Raises:
            TamperedError: one was stripped, added, moved or swapped.
        """
        if len(algorithms) != len(self.keys):
            raise TamperedError(
                f"there are {len(self.keys)} signatures where the signed statement requires {len(algorithms)}",
                cause="one was stripped or added",
                next_step="get the bundle from its origin again",
            )
        for algorithm, key in zip(algorithms, self.keys, strict=True):
            if key is not None and algorithm_of(key) != algorithm:
                raise TamperedError(
                    f"a signature is {algorithm_of(key)} where the signed statement requires {algorithm}",
                    cause="the signatures were reordered or swapped",
                )


def check_signatures(envelope: Envelope, keys: Iterable[Verifier], *, unnamed: bool = False) -> Signatures:
    """Check every signature of an envelope.

    A signature that carries the name of a trusted key must be that key's; one that a trusted key made must carry its
    name. So changing a name, a signature or the payload is seen, and a signature by strangers stays unknown.

    Args:
        envelope: what was signed.
        keys: the trusted keys.
        unnamed: whether signatures may carry no name, as model-signing leaves them.

    Raises:
        TamperedError: a signature is not what it says.
        UnreadableError: a signature is not spelled canonically, or there are too many.
    """
    if len(envelope.signatures) > MOST_SIGNATURES:
        raise UnreadableError(f"the envelope has more than {MOST_SIGNATURES} signatures")
    payload, trusted = payload_of(envelope), list(keys)
    return Signatures(payload, tuple(_maker(payload, each, trusted, unnamed) for each in envelope.signatures))


def _maker(payload: bytes, signature: Signature, trusted: Sequence[Verifier], unnamed: bool) -> Verifier | None:
    value = decode_base64(signature.sig, "the signature")
    named = [key for key in trusted if key_name(key) == signature.keyid]
    for key in trusted:
        if verifies(key, payload, value):
            if key not in named and not (unnamed and not signature.keyid):
                raise TamperedError("a signature does not carry the name of its key", cause="its name was changed")
            return key
    if named:
        raise TamperedError(
            f"the signature of {named[0].name} does not verify",
            cause="what it signs, or the signature itself, was changed",
            next_step="get the bundle and its files from their origin again",
        )
    return None
