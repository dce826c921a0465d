"""Values that come back: placeholders in the text, and in a vault what they stand for, under a key for each subject.

    root      32 random bytes, wrapped by every key service; names subjects by HMAC-SHA-256, and nothing else
    subject   32 random bytes for each, wrapped likewise; a person that was named, or else each value is its own
    value     AES-256-GCM under its subject's key, random nonce, bound to vault, session, number, type and subject

Restoring takes a role that the vault allows and a purpose, and leaves a signed record in a ledger before any key is
unwrapped; where that record cannot be written, nothing comes back. The ledger holds placeholders and purposes, never a
value. Forgetting a subject destroys its key (crypto-shredding), and what was given away as a placeholder stays one.

This is pseudonymization (GDPR article 4(5)), not anonymization: who has the vault and its key service has the values.
Roles are checked in this process, so keep the key service from processes that may only redact and never restore.
"""

from __future__ import annotations

import secrets
import sqlite3
import weakref
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from casemate.core.digests import Digest, canonical_json
from casemate.core.errors import CasemateError, TamperedError, UsageError
from casemate.keys.services import DEK_SIZE, KeyService, Wrap, wrong_key
from casemate.keys.signing import Signer
from casemate.ledger.statement import seal
from casemate.ledger.turns import turn
from casemate.privacy.text import placeholders, vault_file
from casemate.privacy.text.operators.base import Keyed, Stateful
from casemate.privacy.text.placeholders import Look
from casemate.privacy.text.restoration import Place, Restoration
from casemate.privacy.text.spans import Span
from casemate.privacy.text.vault_file import FORMAT, Entry, VaultFile

RESTORE, REFUSAL, FORGET = "privacy/restore", "privacy/refusal", "privacy/forget"
"""Kinds of records."""
ANY: Final = "*"
"""Every purpose."""
_FILE, _LEDGER = "vault.sqlite", "ledger"
_NONCE: Final = 12
_NAMES: Final = 300
"""Placeholders in one record; a record is at most 64 KiB."""
_WORDS: Final = 500
"""Code points of a role or a purpose."""


class RefusedError(CasemateError):
    """The role may not restore for this purpose. Nothing was given away, and the attempt is on record."""


class Vault:
    """Values behind placeholders. Make one with ``create``, and get it back with ``open``.

    Example:
        >>> import tempfile
        >>> from casemate.keys.ed25519 import Ed25519Signer
        >>> from casemate.keys.kek_file import create_kek
        >>> from casemate.privacy.text.analyzer import Analyzer
        >>> from casemate.privacy.text.redactor import Redactor
        >>> folder, signer = Path(tempfile.mkdtemp()), Ed25519Signer("example.org/vault", bytes(32))
        >>> vault = Vault.create(folder / "vault", [create_kek(folder / "kek")], signer, {"clerk": ["answer"]})
        >>> sent = Redactor(Analyzer("fast"), default=vault.session()).redact("mail: jane@example.com").text
        >>> vault.restore(sent.lower(), role="clerk", purpose="answer")
        'mail: jane@example.com'
        >>> vault.forget("jane@example.com")
        1
        >>> vault.restore(sent, role="clerk", purpose="answer") == sent
        True

    Args:
        folder: of the vault and its ledger.
        identity, root: from ``create`` and ``open``.
        services: wrap and unwrap keys.
        signer: signs records.
        roles: who may restore, and for which purposes; ``ANY`` for all.
        wait: seconds to wait for other processes' turns with the ledger.
    """

    def __init__(
        self,
        folder: Path,
        identity: str,
        root: bytes,
        services: Sequence[KeyService],
        signer: Signer,
        roles: Mapping[str, Collection[str]],
        wait: float = 30.0,
    ) -> None:
        if any(isinstance(each, str) for each in roles.values()):
            raise UsageError("the purposes of a role are a list", next_step='write them as {"clerk": ["answer"]}')
        self.folder, self.identity, self.services, self.signer, self.wait = folder, identity, services, signer, wait
        self.roles = {role: frozenset(purposes) for role, purposes in roles.items()}
        self._file, self._tags = VaultFile(folder / _FILE), Keyed(root, "vault", identity)
        self._keys: dict[str, bytes] = {}
        self._sessions: weakref.WeakSet[Session] = weakref.WeakSet()

    def __repr__(self) -> str:
        return f"<Vault {self.identity}>"

    @classmethod
    def create(
        cls,
        folder: Path,
        services: Sequence[KeyService],
        signer: Signer,
        roles: Mapping[str, Collection[str]],
        *,
        wait: float = 30.0,
    ) -> Vault:
        """A new vault in a folder (0700).

        Raises:
            UsageError: there is no service, or a vault is there.
            KeyServiceError: a service cannot be reached, or refuses.
            StorageError: it cannot be written.
        """
        if not services:
            raise UsageError("nothing would keep the keys of the vault", next_step="name a key service, as file:PATH")
        identity, root = secrets.token_hex(8), secrets.token_bytes(DEK_SIZE)
        made = cls(folder, identity, root, services, signer, roles, wait)
        VaultFile.create(folder / _FILE, identity, made.wrapped(root, "root"))
        return made

    @classmethod
    def open(
        cls,
        folder: Path,
        services: Sequence[KeyService],
        signer: Signer,
        roles: Mapping[str, Collection[str]],
        *,
        wait: float = 30.0,
    ) -> Vault:
        """The vault in a folder.

        Raises:
            UsageError: there is none, or others can read it.
            UnreadableError: it holds no vault.
            WrongKeyError: none of the services wrapped its keys.
            KeyServiceError: a service cannot be reached, or refuses.
        """
        identity, wraps = VaultFile(folder / _FILE).head()
        root = _unwrapped(services, wraps, _context(identity, "root"))
        return cls(folder, identity, root, services, signer, roles, wait)

    def session(self, subject: str = "") -> Session:
        """An operator for a `Redactor`, with a nonce of its own, for a document or a talk.

        Args:
            subject: whose values they are, to be forgotten together; without, each value is its own subject, and is
                forgotten by being named.
        """
        with self._file.transaction() as rows:
            nonce = placeholders.nonce()
            while rows.execute("INSERT OR IGNORE INTO sessions VALUES (?)", (nonce,)).rowcount == 0:
                nonce = placeholders.nonce()
        made = Session(self, nonce, subject)
        self._sessions.add(made)
        return made

    def restore(self, text: str, *, role: str, purpose: str, session: str = "") -> str:
        """A text with the values for the placeholders of this vault; all else stays as it is, look-alikes too.

        Values are put in as they were; in HTML or JSON, escape them yourself or restore before encoding.

        Args:
            text: with placeholders, also as a model has changed them: in case, white space, emphasis or escapes.
            role: of who asks.
            purpose: what for; goes on record, so it names no person.
            session: nonce of the only session whose placeholders count; of all if empty.

        Raises:
            UsageError: role or purpose are too long; nothing was restored.
            RefusedError: the role may not, or not for this purpose.
            TamperedError: a stored value was changed.
            StorageError: the vault or the ledger cannot be read or written; nothing was restored.
            LockedError: other processes kept the ledger too long; nothing was restored.
            KeyServiceError: a service cannot be reached, or refuses; nothing was restored.
        """
        return self.restoration(text, role=role, purpose=purpose, session=session).filled(
            text, placeholders.found(text)
        )

    def restoration(self, text: str = "", *, role: str, purpose: str, session: str = "") -> Restoration:
        """Leave to restore, piece by piece, what ``restore`` would at once; it raises the same errors.

        Args:
            text: whose restoring is refused, for the record.
            role: of who asks.
            purpose: what for.
            session: nonce of the only session whose placeholders count; of all if empty.
        """
        if max(len(role), len(purpose)) > _WORDS:
            raise UsageError("a role or a purpose is too long", next_step=f"say it in {_WORDS} characters")
        allowed = self.roles.get(role, frozenset())
        said = {"vault": self.identity, "role": role, "purpose": purpose}
        if not purpose.strip() or not (ANY in allowed or purpose in allowed):
            self._write(REFUSAL, [said], text)
            raise RefusedError(
                f"{role[:40]!r} may not restore for this purpose",
                cause="the vault does not allow it, and the attempt is on record",
                next_step="ask for a purpose that the role has, or have the role changed",
            )
        return Restoration(
            session, partial(self._types, session), partial(self._places, session), partial(self._released, said)
        )

    def forget(self, subject: str) -> int:
        """Destroy the key of a subject, and its values: a person that sessions were given, or a value.

        Returns:
            How many values are gone.

        Raises:
            StorageError: the vault or the ledger cannot be written. The key is gone if the ledger failed.
        """
        tag = self.tag(subject)
        with self._file.transaction() as rows:
            found = vault_file.subject(rows, tag)
            count = vault_file.delete(rows, found[0]) if found else 0
        for each in list(self._sessions):
            each.drop(tag)
        if found:
            self._keys.pop(found[0], None)
            self._write(FORGET, [{"vault": self.identity, "subject": found[0], "values": count}], "")
        return count

    def tag(self, subject: str) -> bytes:
        """32 bytes that name a subject to those who have the root key, however it is written (``base.canonical``)."""
        return self._tags("", subject)

    def wrapped(self, key: bytes, name: str) -> tuple[Wrap, ...]:
        """A key, wrapped by every service."""
        context = _context(self.identity, name)
        return tuple(each.wrap(key, context) for each in self.services)

    def put(self, nonce: str, values: Sequence[tuple[int, str, str, bytes]]) -> None:
        """Encrypt and keep values: (number, type, value, subject's tag) each. All are durable then, or none is there.

        Raises:
            KeyServiceError: a service cannot be reached, or refuses.
            StorageError: they cannot be written.
        """
        with self._file.transaction() as rows:
            for number, type, value, tag in values:
                identity, key = self._subject(rows, tag)
                entry = Entry(nonce, number, type, identity, b"")
                start = secrets.token_bytes(_NONCE)
                sealed = AESGCM(key).encrypt(start, value.encode("utf-8", "surrogatepass"), self._bound(entry))
                rows.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", (*entry[:4], start + sealed))

    def _subject(self, rows: sqlite3.Connection, tag: bytes) -> tuple[str, bytes]:
        """Its id and key; new ones where it has none, or was forgotten."""
        found = vault_file.subject(rows, tag)
        if found is None:
            identity, key = secrets.token_hex(16), secrets.token_bytes(DEK_SIZE)
            vault_file.add_subject(rows, identity, tag, self.wrapped(key, identity))
            return identity, key
        identity, wraps = found
        if identity not in self._keys:
            self._keys[identity] = _unwrapped(self.services, wraps, _context(self.identity, identity))
        return identity, self._keys[identity]

    def _places(self, session: str, looks: Iterable[Look]) -> list[Place]:
        given = list(looks)
        if not given:
            return []
        places, known = list[Place](), dict[tuple[str, int], tuple[Entry, vault_file.Wraps] | None]()
        with self._file.transaction(write=False) as rows:
            for start, end, readings in given:
                for type, nonce, number in readings:
                    if (nonce, number) not in known:
                        known[nonce, number] = vault_file.entry(rows, nonce, number)
                    found = known[nonce, number]
                    if found and placeholders.folded(found[0].type) == type and session in ("", nonce):
                        places.append((start, end, *found))
                        break
        return places

    def _types(self, session: str) -> set[str]:
        with self._file.transaction(write=False) as rows:
            return vault_file.types(rows, session)

    def _released(self, said: Mapping[str, object], places: Sequence[Place], text: str) -> Iterator[str]:
        """Values of places, each of another placeholder; all are on record before the first."""
        names = sorted(placeholders.written(entry.type, entry.nonce, entry.number) for _, _, entry, _ in places)
        parted = [names[at : at + _NAMES] for at in range(0, len(names), _NAMES)]
        self._write(RESTORE, [{**said, "placeholders": each} for each in parted], text)
        keys = dict[str, bytes]()
        for _, _, entry, wraps in places:
            if entry.subject not in keys:
                keys[entry.subject] = _unwrapped(self.services, wraps, _context(self.identity, entry.subject))
            yield self._decrypted(entry, keys[entry.subject])

    def _decrypted(self, entry: Entry, key: bytes) -> str:
        start, sealed = entry.sealed[:_NONCE], entry.sealed[_NONCE:]
        try:
            return AESGCM(key).decrypt(start, sealed, self._bound(entry)).decode("utf-8", "surrogatepass")
        except (InvalidTag, ValueError):
            raise TamperedError(
                f"the value of placeholder {entry.number} was changed in the vault",
                cause="it does not decrypt with its subject's key",
                next_step="find out who wrote to the vault, and bring a backup back",
            ) from None

    def _bound(self, entry: Entry) -> bytes:
        return canonical_json([FORMAT, self.identity, *entry[:4]])

    def _write(self, kind: str, said: Sequence[Mapping[str, object]], text: str) -> None:
        """Records of what was said: all of them, durable when this returns, or an error."""
        subjects = {"text": Digest.of(text.encode("utf-8", "surrogatepass")).hex} if text else {}
        with turn(self.folder / _LEDGER, [self.signer], self.wait) as ledger:
            ledger.append_many([seal(kind, each, subjects, [self.signer]) for each in said])


class Session(Stateful):
    """Placeholders of one document or talk; made by ``Vault.session``. The same text of a type has the same one.

    Only equal texts share a placeholder ("Ada" and "ADA" have two), so that all comes back exactly.

    Attributes:
        nonce: in each of its placeholders.
    """

    def __init__(self, vault: Vault, nonce: str, subject: str) -> None:
        self.nonce = nonce
        self._vault, self._tag = vault, vault.tag(subject) if subject.strip() else b""
        self._numbers: dict[tuple[str, str], tuple[int, bytes]] = {}
        self._waiting: list[tuple[int, str, str, bytes]] = []
        self._last, self._type = 0, "PERSON"
        self._own = placeholders.pattern(nonce)

    def __call__(self, text: str, span: Span) -> str:
        """A placeholder; it can be restored after ``commit``, which a `Redactor` calls."""
        key = self._type, _ = span.type, text
        if key not in self._numbers:
            self._last += 1
            self._numbers[key] = self._last, self._tag or self._vault.tag(text)
            self._waiting.append((self._last, span.type, text, self._numbers[key][1]))
        return placeholders.written(span.type, self.nonce, self._numbers[key][0])

    def reserved(self, text: str) -> Iterator[Span]:
        """The session's nonce where somebody has written it: taken out, no look-alike of a placeholder is left."""
        for match in self._own.finditer(text):
            yield Span(match.start(), match.end(), self._type, 1.0, "vault", ("looks like a placeholder",))

    def commit(self) -> None:
        """Keep the values, before the text is given away.

        Raises:
            KeyServiceError: a service cannot be reached, or refuses; the text must not be used.
            StorageError: they cannot be written; the text must not be used.
        """
        if self._waiting:
            self._vault.put(self.nonce, self._waiting)
            self._waiting = []

    def drop(self, tag: bytes) -> None:
        """Forget what a subject's values were."""
        self._numbers = {key: each for key, each in self._numbers.items() if each[1] != tag}
        self._waiting = [each for each in self._waiting if each[3] != tag]


def _context(identity: str, name: str) -> dict[str, str]:
    return {"purpose": FORMAT, "vault": identity, "key": name}


def _unwrapped(services: Sequence[KeyService], wraps: Sequence[Wrap], context: Mapping[str, str]) -> bytes:
    for service in services:
        for wrap in wraps:
            if service.opens(wrap):
                return service.unwrap(wrap, context)
    raise wrong_key(" and ".join(each.name for each in services) or "that is not there", "it did not wrap this key")
