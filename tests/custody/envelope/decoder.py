"""An independent reader of sealed files, from docs/reference/envelope.md: standard library and primitives only."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def hkdf(key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, info).derive(key)


def decode(data: bytes, kek: bytes) -> tuple[bytes, dict[str, bytes]]:
    """The plaintext of a sealed file that the key ``kek`` of a key file opens, and every secret on the way."""
    magic, version, suite, segment, slot, length, size, salt, prefix = struct.unpack_from(">8sHHIIIQ32s7sx", data)
    assert (magic, version, suite) == (b"\xcaCMENV\r\n", 1, 1)
    commitment, description = data[72:104], json.loads(data[104 : 104 + length])
    assert not any(data[104 + length : 3584])
    digest = hashlib.sha256(data[:72] + data[104:3584]).digest()
    associated = hashlib.sha256(data[:3584]).digest()

    journal = data[3584:4096]
    counts = 1 - journal[4] if any(journal) else 0
    slots = [data[4096 + index * slot :][:slot] for index in (0, 1)]
    sequence, wraps_length = struct.unpack_from(">QI", slots[counts], 8)
    wraps = json.loads(slots[counts][20 : 20 + wraps_length])

    context = {"casemate": "envelope/1", "header": digest.hex(), "name": description["name"] or "-"}
    bound = json.dumps(context, separators=(",", ":"), ensure_ascii=False).encode()
    wrap = base64.b64decode(next(each["data"] for each in wraps if each["kind"] == "file"))
    dek = AESGCM(hkdf(kek, wrap[:32], b"casemate/kek/1")).decrypt(bytes(12), wrap[32:], bound)

    uses = (b"segments", b"slots", b"commitment")
    keys = {use.decode(): hkdf(dek, salt, b"casemate/envelope/1/" + use + b"\0" + digest) for use in uses}
    assert keys["commitment"] == commitment
    checked = [slots[counts], journal] if any(journal) else slots
    for part in checked:
        assert part[-32:] == hmac.digest(keys["slots"], part[:-32], "sha256")
    if any(journal):
        assert struct.unpack_from(">Q", journal, 8)[0] == sequence
    else:
        assert slots[0][8:-32] == slots[1][8:-32]

    count = max(1, -(-size // segment))
    body = data[4096 + 2 * slot :]
    assert len(body) == size + 16 * count
    cipher, plain = AESGCM(keys["segments"]), b""
    for index in range(count):
        nonce = prefix + index.to_bytes(4, "big") + bytes([index == count - 1])
        plain += cipher.decrypt(nonce, body[index * (segment + 16) :][: segment + 16], associated)
    return plain, {**keys, "dek": dek, "digest": digest}
