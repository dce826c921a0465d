"""Encryption at rest: sealed files that open anywhere, for several keys, and whose keys rotate in place.

    encrypt_file(source, goal, services)     seal a file          Sealer           seal bytes as they are read
    decrypt_file(source, goal, keys)         unseal it            open_encrypted   read any range of it
    encrypt_folder, decrypt_folder           file by file         rotate           other keys, in place
    open_encrypted_safetensors               tensor by tensor     Policy           what keys a file may ever have

``services`` and ``keys`` are key services (`casemate.keys.services`); `casemate.keys.uri.open_service` makes one of a
text such as "file:models.kek". The format is written down in docs/reference/envelope.md.

layout   the public header       slots     wraps and the journal of rotation      stream    segments
opening  from header to keys     publish   files that appear whole or not at all
"""

from __future__ import annotations

from casemate.custody.envelope.folders import decrypt_folder, encrypt_folder, is_sealed
from casemate.custody.envelope.layout import Policy
from casemate.custody.envelope.reading import EncryptedFile, Unsealed, decrypt_file, open_encrypted
from casemate.custody.envelope.rotation import Rotated, rotate
from casemate.custody.envelope.sealing import Sealed, Sealer, encrypt_file
from casemate.custody.envelope.tensors import EncryptedSafetensors, open_encrypted_safetensors

__all__ = [
    "EncryptedFile",
    "EncryptedSafetensors",
    "Policy",
    "Rotated",
    "Sealed",
    "Sealer",
    "Unsealed",
    "decrypt_file",
    "decrypt_folder",
    "encrypt_file",
    "encrypt_folder",
    "is_sealed",
    "open_encrypted",
    "open_encrypted_safetensors",
    "rotate",
]
