"""Verifies a casemate ledger with PyPI's tlog-scales, in its own environment: VKEY LEDGER PROOFS.json."""

import base64
import json
import sys
from pathlib import Path

from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey
from tlog_scales.tiles import leaf_hash
from tlog_scales.tlog import ConsistencyProof, InclusionProof

vkey, ledger, proofs = Vkey.from_string(sys.argv[1]), Path(sys.argv[2]), json.loads(Path(sys.argv[3]).read_text())
reader = TilesReader(LocalBackend(ledger))
checkpoint = reader.get_checkpoint()
checkpoint.verify(vkey)
if reader.calculate_root_hash() != checkpoint.root_hash:
    sys.exit("the tiles do not give the checkpoint's root")
for record in proofs["Records"]:
    number, leaf = record["N"], leaf_hash(reader.get_entry(record["N"]))
    for path in ([base64.b64decode(each) for each in record["Proof"]], None):
        proof = (
            reader.get_inclusion_proof(number, checkpoint.size)
            if path is None
            else InclusionProof(number, checkpoint.size, path)
        )
        proof.check(leaf, checkpoint.root_hash)
for tree in proofs["Trees"]:
    ours = ConsistencyProof(tree["N"], checkpoint.size, [base64.b64decode(each) for each in tree["Proof"]])
    ours.check(base64.b64decode(tree["Hash"]), checkpoint.root_hash)
sys.stdout.write(f"{checkpoint.origin}: {checkpoint.size} records\n")
