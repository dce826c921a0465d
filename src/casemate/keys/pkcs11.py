"""A hardware security module behind PKCS#11: the key never leaves it, not even encrypted.

A data key, with a digest of its context, is imported as a session object and wrapped by CKM_AES_KEY_WRAP (RFC 3394),
which also authenticates it. The session object is gone when the session ends.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from casemate.core.errors import UsageError
from casemate.core.optional import require
from casemate.keys.services import Context, Wrap, bound, denied, unbound, unreachable, wrong_key

KIND: Final = "pkcs11"
MODULES: Final = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib/pkcs11/p11-kit-client.so",
)
"""Where to look for a module when none is named."""


class Pkcs11Key:
    """The key service ``pkcs11:TOKEN/LABEL``: an AES key that may wrap and unwrap.

    Args:
        token: label of the token.
        label: label of the key.
        module: the shared library of the module's vendor.
        pin: asked for the user's PIN, once for each operation.

    Raises:
        MissingPartError: python-pkcs11 is not installed.
        UsageError: the module is not there.
    """

    kind = KIND

    def __init__(self, token: str, label: str, *, module: Path, pin: Callable[[], str]) -> None:
        if not token or not label:
            raise UsageError("this cannot name a key", next_step="give pkcs11:TOKEN/LABEL")
        self._token, self._label, self._pin = token, label, pin
        self._pkcs11: Any = require("pkcs11", extra="kms")
        self._known: Any = require("pkcs11.exceptions", extra="kms")
        try:
            self._library: Any = self._pkcs11.lib(str(module))
        except (RuntimeError, OSError, self._known.PKCS11Error) as error:
            raise UsageError(
                f"the PKCS#11 module {module} cannot be used",
                cause=type(error).__name__,
                next_step="set PKCS11_MODULE to the shared library of the module's vendor",
            ) from None

    @property
    def name(self) -> str:
        """``pkcs11:TOKEN/LABEL``."""
        return f"{KIND}:{self._token}/{self._label}"

    def __repr__(self) -> str:
        return f"<Pkcs11Key {self.name}>"

    def opens(self, wrap: Wrap) -> bool:
        """Whether ``wrap`` names this token and key."""
        return wrap.kind == KIND and wrap.key == f"{self._token}/{self._label}"

    def create(self) -> None:
        """Make the key on the token: AES-256, sensitive, not extractable, for wrapping only.

        Raises:
            UsageError: the token has a key of this label already.
            DeniedServiceError: the PIN is wrong, or the token does not allow it.
        """
        kinds, attribute = self._pkcs11.KeyType, self._pkcs11.Attribute
        with self._session(rw=True) as session:
            if any(True for _ in session.get_objects({attribute.LABEL: self._label})):
                raise UsageError(f"{self.name} exists already", next_step="use it, or choose another label")
            uses = self._pkcs11.MechanismFlag.WRAP | self._pkcs11.MechanismFlag.UNWRAP
            secret = {attribute.SENSITIVE: True, attribute.EXTRACTABLE: False, attribute.PRIVATE: True}
            session.generate_key(kinds.AES, 256, label=self._label, store=True, capabilities=uses, template=secret)

    def wrap(self, dek: bytes, context: Context) -> Wrap:
        """Wrap a data key inside the module."""
        attribute = self._pkcs11.Attribute
        with self._session() as session:
            plain = session.create_object(
                {
                    attribute.CLASS: self._pkcs11.ObjectClass.SECRET_KEY,
                    attribute.KEY_TYPE: self._pkcs11.KeyType.GENERIC_SECRET,
                    attribute.VALUE: bound(dek, context),
                    **self._passing(),
                }
            )
            try:
                sealed = self._key(session).wrap_key(plain, mechanism=self._pkcs11.Mechanism.AES_KEY_WRAP)
            finally:
                plain.destroy()
        return Wrap(KIND, f"{self._token}/{self._label}", sealed)

    def unwrap(self, wrap: Wrap, context: Context) -> bytes:
        """The data key, unwrapped inside the module."""
        with self._session() as session:
            key = self._key(session)
            try:
                plain = key.unwrap_key(
                    self._pkcs11.ObjectClass.SECRET_KEY,
                    self._pkcs11.KeyType.GENERIC_SECRET,
                    wrap.data,
                    mechanism=self._pkcs11.Mechanism.AES_KEY_WRAP,
                    template=self._passing(),
                )
            except (self._known.DeviceRemoved, self._known.SessionClosed):
                raise
            except self._known.PKCS11Error:  # modules disagree about which error a wrong wrap is
                raise wrong_key(self.name) from None
            try:
                payload = bytes(plain[self._pkcs11.Attribute.VALUE])
            finally:
                plain.destroy()
        return unbound(payload, context, self.name)

    def rewrap(self, wrap: Wrap, context: Context) -> Wrap:
        """The same data key, wrapped again; a key on a token has no versions."""
        return self.wrap(self.unwrap(wrap, context), context)

    def _passing(self) -> dict[object, bool]:
        """Attributes of a data key that passes through a session: ours to read, and never stored."""
        attribute = self._pkcs11.Attribute
        return {attribute.TOKEN: False, attribute.SENSITIVE: False, attribute.EXTRACTABLE: True}

    def _key(self, session: Any) -> Any:
        return session.get_key(
            object_class=self._pkcs11.ObjectClass.SECRET_KEY,
            key_type=self._pkcs11.KeyType.AES,
            label=self._label,
        )

    @contextlib.contextmanager
    def _session(self, *, rw: bool = False) -> Iterator[Any]:
        known = self._known
        try:
            with self._library.get_token(token_label=self._token).open(user_pin=self._pin(), rw=rw) as session:
                yield session
        except (known.PinIncorrect, known.PinInvalid, known.PinLenRange):
            raise denied(
                self.name, "the PIN is wrong", "check CASEMATE_PKCS11_PIN; tokens lock after a few tries"
            ) from None
        except (known.PinLocked, known.PinExpired, known.UserPinNotInitialized):
            raise denied(self.name, "the PIN is locked or not set", "ask the token's security officer") from None
        except (known.NoSuchToken, known.TokenNotPresent, known.TokenNotRecognised):
            raise unreachable(self.name, "there is no such token") from None
        except known.NoSuchKey:
            raise denied(self.name, "the token has no such AES key", f"casemate key create {self.name}") from None
        except (known.MultipleObjectsReturned, known.MultipleTokensReturned):
            raise denied(self.name, "several keys or tokens have this label", "give each a label of its own") from None
        except (known.UnwrappingKeyHandleInvalid, known.KeyNotWrappable, known.MechanismInvalid) as error:
            raise denied(
                self.name, f"the key does not wrap ({type(error).__name__})", "use an AES key for wrapping"
            ) from None
        except known.PKCS11Error as error:
            raise unreachable(self.name, f"the module failed ({type(error).__name__})") from None


def find_module(named: str | None) -> Path:
    """The module that is named, or the first of those usually there.

    Raises:
        UsageError: there is none.
    """
    for path in [Path(named)] if named else map(Path, MODULES):
        if path.is_file():
            return path
    raise UsageError(
        "no PKCS#11 module is there",
        cause=f"{named} is no file" if named else "none of the usual places has one",
        next_step="set PKCS11_MODULE to the shared library of the module's vendor",
    )
