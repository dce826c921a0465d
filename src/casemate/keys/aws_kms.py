"""AWS KMS: the key stays in the service, which checks the encryption context and writes it to its log."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

from casemate.core.errors import UsageError
from casemate.core.optional import require
from casemate.keys.services import TIMEOUT, Context, Wrap, check_dek, denied, unreachable, wrong_key

KIND: Final = "awskms"
_WRONG: Final = {"InvalidCiphertextException", "IncorrectKeyException"}
_DENIED: Final = {
    "AccessDeniedException": ("the credentials may not use this key", "check the key's policy and the role's"),
    "NotFoundException": ("there is no such key in this account and region", "check the key id and AWS_REGION"),
    "DisabledException": ("the key is disabled", "enable it, or use another"),
    "KMSInvalidStateException": ("the key is being deleted, or is not ready", "cancel the deletion, or use another"),
    "InvalidKeyUsageException": ("the key does not encrypt", "use a symmetric key for encryption"),
    "UnrecognizedClientException": ("the credentials are not valid", "sign in again"),
    "InvalidSignatureException": ("the credentials are not valid", "check the secret key and the clock"),
    "ExpiredTokenException": ("the credentials expired", "sign in again"),
    "ValidationException": ("the request is not one that KMS takes", "check the key id"),
}


class KmsKey:
    """The key service ``awskms:KEY_ID``. Credentials and region come from where boto3 looks for them.

    Args:
        key: key id, ARN or alias (``alias/models``) of a symmetric key.
        region: instead of the configured one.
        endpoint: another address of the service.
        timeout: seconds to wait for a connection, and for an answer.

    Raises:
        MissingPartError: boto3 is not installed.
        UsageError: no region is configured.
    """

    kind = KIND

    def __init__(
        self, key: str, *, region: str | None = None, endpoint: str | None = None, timeout: float = TIMEOUT
    ) -> None:
        if not key or any(character.isspace() or not character.isprintable() for character in key):
            raise UsageError("this cannot name a KMS key", next_step="give awskms:KEY_ID, an ARN, or awskms:alias/NAME")
        self._key = key
        boto3 = require("boto3", extra="kms")
        self._known: Any = require("botocore.exceptions", extra="kms")
        config = require("botocore.config", extra="kms").Config(
            connect_timeout=timeout, read_timeout=timeout, retries={"max_attempts": 1, "mode": "standard"}
        )
        with self._errors():
            self._client: Any = boto3.client("kms", region_name=region, endpoint_url=endpoint, config=config)

    @property
    def name(self) -> str:
        """``awskms:`` and the key, as it was given."""
        return f"{KIND}:{self._key}"

    def __repr__(self) -> str:
        return f"<KmsKey {self.name}>"

    def opens(self, wrap: Wrap) -> bool:
        """Whether ``wrap`` names this key by its ARN. What an alias stands for only KMS knows; it says no itself."""
        if wrap.kind != KIND:
            return False
        return "alias/" in self._key or wrap.key == self._key or wrap.key.endswith(f":key/{self._key}")

    def wrap(self, dek: bytes, context: Context) -> Wrap:
        """Encrypt a data key; the wrap names the key by its ARN."""
        with self._errors():
            answer = self._client.encrypt(KeyId=self._key, Plaintext=check_dek(dek), EncryptionContext=dict(context))
            return Wrap(KIND, answer["KeyId"], answer["CiphertextBlob"])

    def unwrap(self, wrap: Wrap, context: Context) -> bytes:
        """The data key; KMS refuses another key or another context."""
        with self._errors():
            answer = self._client.decrypt(KeyId=self._key, CiphertextBlob=wrap.data, EncryptionContext=dict(context))
            dek: bytes = answer["Plaintext"]
        if len(dek) != 32:
            raise wrong_key(self.name)
        return dek

    def rewrap(self, wrap: Wrap, context: Context) -> Wrap:
        """The same data key under the key's newest material; it does not leave KMS."""
        with self._errors():
            answer = self._client.re_encrypt(
                CiphertextBlob=wrap.data,
                SourceKeyId=self._key,
                SourceEncryptionContext=dict(context),
                DestinationKeyId=self._key,
                DestinationEncryptionContext=dict(context),
            )
            return Wrap(KIND, answer["KeyId"], answer["CiphertextBlob"])

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        known = self._known
        try:
            yield
        except known.ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _WRONG:
                raise wrong_key(self.name) from None
            if code in _DENIED:
                raise denied(self.name, *_DENIED[code]) from None
            raise unreachable(self.name, f"it answers {code[:60] or 'nothing that makes sense'}") from None
        except (known.NoCredentialsError, known.PartialCredentialsError, known.CredentialRetrievalError):
            raise denied(self.name, "there are no credentials", "sign in, or set AWS_PROFILE") from None
        except (known.NoRegionError, known.InvalidRegionError):
            raise UsageError(f"{self.name} needs a region", next_step="set AWS_REGION, or give the key's ARN") from None
        except known.ParamValidationError:
            raise denied(self.name, *_DENIED["ValidationException"]) from None
        except known.BotoCoreError as error:
            raise unreachable(self.name, f"no answer from the service ({type(error).__name__})") from None
