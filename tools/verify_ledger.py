"""Verify a casemate audit folder or ledger without casemate: standard library and `cryptography` only.

    verify_ledger.py DIR --key VKEY_OR_FILE --checkpoint TEXT_OR_FILE       (--key may be given more than once)

Recomputes every signature, Merkle hash, file and blob digest, Clopper-Pearson interval and tolerance verdict; names the
first bad record. Exit code 0: verified, 4: tampered, 3: usage. Formats: C2SP signed-note, tlog-checkpoint and
tlog-tiles; RFC 6962, section 2.1; DSSE 1.0.2; in-toto Statement v1.
"""

from __future__ import annotations

import argparse
import base64
import json
import math
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey

ALGORITHMS = {b"\x01": Ed25519PublicKey.from_public_bytes, b"\xffml-dsa-65:": MLDSA65PublicKey.from_public_bytes}
PAYLOAD, STATEMENT = "application/vnd.in-toto+json", "https://in-toto.io/Statement/v1"
MALFORMED = (ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError, RecursionError)
Key = tuple[str, bytes, Any]
Record = tuple[str, dict[str, Any], str]


def need(condition: object, message: str) -> None:
    """Refuse unless the condition holds."""
    if not condition:
        raise ValueError(message)


def decode64(text: str) -> bytes:
    """Base64 that has exactly one spelling."""
    data = base64.b64decode(text, validate=True)
    need(base64.b64encode(data).decode() == text, "base64 with spare bits")
    return data


def read_key(text: str) -> Key:
    """Name, id and public key from name+id+base64(type || key), as Go's sumdb/note writes it."""
    name, identity, encoded = text.strip().split("+", 2)
    data = decode64(encoded)
    need(sha256(name.encode() + b"\n" + data).hexdigest()[:8] == identity, "the key's id does not match it")
    for kind, load in ALGORITHMS.items():
        if data.startswith(kind):
            return name, bytes.fromhex(identity), load(data[len(kind) :])
    raise ValueError("the key is of an unknown algorithm")


def verifies(public: Any, message: bytes, signature: bytes) -> bool:
    """Whether the signature is this key's."""
    try:
        public.verify(signature, message)
        return True
    except InvalidSignature:
        return False


def read_note(data: bytes, keys: list[Key], what: str, others_allowed: bool) -> tuple[str, int, bytes]:
    """Origin, size and root of a signed checkpoint."""
    try:
        lines = data.decode().split("\n")
        origin, size, root, empty, *signatures, end = lines
        need(origin and not empty and not end and str(int(size)) == size and int(size) >= 0, "it is malformed")
        need(len(decode64(root)) == 32 and min(map(ord, "".join(lines))) >= 32, "it is malformed")
        message, known = "\n".join([*lines[:3], ""]).encode(), {key[:2]: key[2] for key in keys}
        for line in signatures:
            dash, name, value = line.split(" ")
            signature = decode64(value)
            public = known.pop((name, signature[:4]), None)
            need(dash == "—" and (public or others_allowed or not keys), f"signed by {name}, whose key was not given")
            need(not public or verifies(public, message, signature[4:]), f"the signature by {name} does not verify")
        need(signatures and (not keys or len(known) < len(keys)), "it is not signed by a given key")
        return origin, int(size), decode64(root)
    except MALFORMED as error:
        raise ValueError(f"{what}: {error}") from None


def read_envelope(entry: bytes, keys: list[Key]) -> Record:
    """Kind and predicate of the statement in a DSSE envelope, and the SHA-256 of its bytes."""
    envelope = json.loads(entry)
    kind, payload = envelope["payloadType"], decode64(envelope["payload"])
    message = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)
    values = [decode64(signature["sig"]) for signature in envelope["signatures"]]
    need(not keys or any(verifies(key[2], message, value) for key in keys for value in values), "no key signed it")
    statement = json.loads(payload)
    need(kind == PAYLOAD and statement["_type"] == STATEMENT, "it is not an in-toto Statement v1")
    kind = statement["predicateType"].removeprefix("urn:casemate:").removesuffix(":1")
    return kind, statement["predicate"], sha256(payload).hexdigest()


def root_of(levels: list[list[bytes]], size: int) -> bytes:
    """RFC 6962 MTH of the first leaves; levels[h] holds the hashes of all perfect subtrees of height h."""
    result = b""
    for height, nodes in enumerate(levels):
        if size >> height & 1:
            node = nodes[(size >> height) - 1]
            result = sha256(b"\x01" + node + result).digest() if result else node
    return result or sha256(b"").digest()


def tile_names(level: int | str, count: int) -> Iterator[tuple[int, int, str]]:
    """First hash, width and name of the tiles that hold ``count`` hashes or entries."""
    for start in range(0, count, 256):
        index, width = start // 256, min(256, count - start)
        name = f"{index % 1000:03d}"
        while index := index // 1000:
            name = f"x{index % 1000:03d}/{name}"
        yield start, width, f"tile/{level}/{name}" + ("" if width == 256 else f".p/{width}")


def read_log(files: dict[str, bytes], keys: list[Key], pin: bytes | None) -> tuple[list[Record], set[str], int | None]:
    """Check checkpoint, records and tiles: the records, the names accounted for, how many records the pin lacks."""
    need("journal" not in files, "the ledger has a journal: its writer is at work or died; open it once, then verify")
    origin, size, root = read_note(files.get("checkpoint", b""), keys, "the ledger's checkpoint", False)
    records, levels, used = list[Record](), [list[bytes]()], {"checkpoint"}
    for start, width, name in tile_names("entries", size):
        hashes_name = name.replace("entries", "0", 1)
        data, hashes, at = files.get(name, b""), files.get(hashes_name, b""), 0
        for index in range(start, start + width):
            end, place = at + 2 + int.from_bytes(data[at : at + 2], "big"), (index - start) * 32
            node = sha256(b"\x00" + data[at + 2 : end]).digest()
            right = at + 2 <= end <= len(data) and node == hashes[place : place + 32]
            need(right, f"record {index} is not the one that was hashed ({name}, {hashes_name})")
            try:
                records.append(read_envelope(data[at + 2 : end], keys))
            except MALFORMED as error:
                raise ValueError(f"record {index}: {error}") from None
            at = end
            for nodes in levels:  # add the leaf hash and every subtree it completes
                nodes.append(node)
                if len(nodes) % 2:
                    break
                node = sha256(b"\x01" + nodes[-2] + nodes[-1]).digest()
            else:
                levels.append([node])
        need(at == len(data), f"record {start + width}: {name} holds more than {width} records")
        used.add(name)
    for level in range(0, len(levels), 8):
        for start, width, name in tile_names(level // 8, len(levels[level])):
            right = files.get(name) == b"".join(levels[level][start : start + width])
            need(right, f"{name} does not hold the hashes of the records from record {start << level} on")
            used.add(name)
    need(root_of(levels, size) == root, "the records do not give the root that the checkpoint signs")
    if pin is None:
        return records, used, None
    pin_origin, pin_size, pin_root = read_note(pin, keys, "the given checkpoint", True)
    need(pin_size <= size, f"record {size} is missing: the given checkpoint covers {pin_size} records")
    same = (pin_origin, pin_root) == (origin, root_of(levels, pin_size))
    need(same, f"the first {pin_size} records are not those of the given checkpoint")
    return records, used, size - pin_size


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function I_x(a, b): continued fraction (DLMF 8.17.22), modified Lentz."""
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_cdf(1 - x, b, a)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    result, m = d, 0
    while abs(c * d - 1) > 1e-15 and (m := m + 1) < 100_000:
        even, odd = a + 2 * m, -(a + m) * (a + b + m) * x
        for term in (m * (b - m) * x / ((even - 1) * even), odd / (even * (even + 1))):
            c, d = 1 + term / c, 1 / (1 + term * d)
            result *= c * d
    return math.exp(front) / a * result


def is_quantile(x: float, p: float, a: float, b: float) -> bool:
    """Whether I_x(a, b) = p within 1e-9 of x; the quantile is 0 where a = 0 and 1 where b = 0."""
    if a == 0 or b == 0:
        return x == float(b == 0)
    return 0 < x < 1 and beta_cdf(max(x - 1e-9, 1e-300), a, b) <= p <= beta_cdf(min(x + 1e-9, 1 - 1e-16), a, b)


def check_interval(one: dict[str, Any]) -> None:
    """A Clopper-Pearson interval follows from k, n and confidence."""
    if one["method"] == "clopper-pearson":
        k, n, tail = one["k"], one["n"], (1 - one["confidence"]) / 2
        right = is_quantile(one["low"], tail, k, n - k + 1) and is_quantile(one["high"], 1 - tail, k + 1, n - k)
        need(right and abs(one["estimate"] - k / n) <= 1e-9, f"{k} of {n} does not give its estimate and interval")


def check_verdict(predicate: dict[str, Any], records: list[Record]) -> None:
    """PASS iff the whole interval is inside the tolerance, FAIL iff it is outside; too few trials settle nothing."""
    tolerance, verdict, index = predicate.get("tolerance"), predicate["verdict"], predicate.get("record")
    if not tolerance or index is None or predicate.get("control") or verdict not in ("PASS", "FAIL", "INCONCLUSIVE"):
        return
    pair = records[index][1].get("pair", {})
    one = pair["after"] if pair else records[index][1]["measurement"]
    estimate = math.nan if one["estimate"] is None else one["estimate"]
    low, high = (estimate if one[end] is None else one[end] for end in ("low", "high"))
    if (limit := tolerance["at_most"]) is None:
        low, high, limit = -high, -low, -tolerance["at_least"]
    right = "PASS" if high <= limit else "FAIL" if low > limit else "INCONCLUSIVE"
    if (one["n"] or math.inf) < (predicate.get("needed") or 0) or (right == "PASS" and not pair.get("adaptive", True)):
        right = "INCONCLUSIVE"
    strict = pair and verdict == "FAIL"  # a defense known to be none fails whatever the figure
    need(verdict == right or strict, f"the verdict is {verdict}; tolerance and interval give {right}")


def check_meaning(records: list[Record], blobs: dict[str, bytes]) -> tuple[set[str], dict[str, str], set[str], int]:
    """Plans first, figures from counts, blobs intact or erased: measurements, the newest, blobs, erasures."""
    plans, known, newest, used = set[str](), set[str](), dict[str, str](), set[str]()
    erased = {predicate.get("blob") for kind, predicate, _ in records if kind == "erasure"}
    for index, (kind, predicate, digest) in enumerate(records):
        try:
            if kind == "plan":
                plans.add(digest)
            elif kind in ("trial", "measurement", "pair"):
                need(predicate["plan"] in plans, "it names a plan that was not recorded before it")
            elif kind == "verdict":
                check_verdict(predicate, records[:index])
            pair = [predicate["pair"][end] for end in ("before", "after")] if kind == "pair" else []
            for one in [predicate["measurement"]] if kind == "measurement" else pair:
                check_interval(one)
                known.add(text := json.dumps(one, sort_keys=True))
                if not pair:
                    newest[str([one[x] for x in ("assessment", "kind", "metric", "subject", "at")])] = text
            blob = predicate.get("blob")
            if blob and kind != "erasure" and (blob in blobs or blob not in erased):
                need(blob in used or sha256(blobs.get(blob, b"")).hexdigest() == blob, f"blob {blob} is not intact")
                used.add(blob)
        except MALFORMED as error:
            raise ValueError(f"record {index} ({kind}): {error}") from None
    return known, newest, used, len(erased)


def check_results(data: bytes, known: set[str], owed: set[str]) -> None:
    """Every measurement in results.json was recorded, and none of the newest is left out."""
    fields = {name for text in known for name in json.loads(text)}
    for number, row in enumerate(json.loads(data)["measurements"]):
        text = json.dumps({name: row[name] for name in row if name in fields}, sort_keys=True)
        need(text in known, f"results.json: measurement {number} is not one that was recorded")
        owed = owed - {text}
    need(not owed, "results.json leaves out a recorded measurement")


def verify(folder: Path, keys: list[Key], pin: bytes | None) -> Iterator[str]:
    """All checks; yields the lines to print."""
    files, inside = {}, "ledger/" if (folder / "ledger").is_dir() else ""
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_dir():
            need(path.is_file() and not path.is_symlink(), f"{path} is not a plain file")
            files[path.relative_to(folder).as_posix()] = path.read_bytes()
    log = {name.removeprefix(inside): data for name, data in files.items() if name.startswith(inside)}
    records, used, later = read_log(log, keys, pin)
    known, newest, named, erased = check_meaning(records, {name[6:]: log[name] for name in log if name[:6] == "blobs/"})
    foreign = sorted(log.keys() - used - {f"blobs/{blob}" for blob in named})
    need(not foreign, f"{foreign[:1]} does not belong in the ledger: no record accounts for it")
    if inside:
        binding = max((index for index, record in enumerate(records) if record[0] == "binding"), default=-1)
        bound = records[binding][1]["files"] if binding >= 0 else {}
        outside = {name: sha256(data).hexdigest() for name, data in files.items() if not name.startswith(inside)}
        for name in sorted(bound.keys() | outside.keys()):
            need(bound.get(name) == outside.get(name), f"record {binding}: {name} changed, missing or not bound by it")
        if "results.json" in files:
            check_results(files["results.json"], known, set(newest.values()))
    others = "the folder's other files bound and unchanged" if inside else "files outside the ledger NOT checked"
    yield f"verified: {len(records)} records, {len(named)} blobs intact, {erased} erased, {others}"
    if not keys:
        yield "cannot exclude, without --key: that the whole log was replaced, signatures and all"
    if later != 0:
        yield "cannot exclude, without the last checkpoint: that the newest records were cut off"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--key", action="append", default=[], help="public key, or the file that holds it")
    parser.add_argument("--checkpoint", help="text of a checkpoint kept elsewhere, or the file that holds it")
    try:
        options = parser.parse_args(arguments)
        keys = [read_key(text if text.count("+") > 1 else Path(text).read_text("utf-8")) for text in set(options.key)]
        pin = (text := options.checkpoint) and (text.encode() if "\n" in text else Path(text).read_bytes())
        need(options.folder.is_dir() and pin != "", "give a folder, and a checkpoint that is not empty")
    except SystemExit as stop:
        return 3 if stop.code else 0
    except (OSError, ValueError) as error:
        print(f"usage: {error}", file=sys.stderr)
        return 3
    try:
        print("\n".join(list(verify(options.folder, keys, pin))))
    except (OSError, *MALFORMED) as error:
        print(f"TAMPERED: {error}", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
