"""The parser of plain texts and YAML: any bytes end in a report or a stop."""

from __future__ import annotations

from casemate.threats.supply_chain.formats import texts as parser
from tests.threats.supply_chain.formats.samples import survive

MINUTES = 3


def seeds() -> list[bytes]:
    """Small files that are read to their end."""
    return [
        b"a: &x {b: [1, 2], _target_: torch.nn.Linear}\nc: *x\nd:\n  <<: *x\n  e: |\n    text\n  f: >-\n    folded\n",
        b"%TAG !e! tag:yaml.org,2002:python/\n---\n- !e!tuple [1]\n- !!set {x}\n...\n---\n? a\n: 'b''c'\n",
        b"{% for m in messages %}{{ m['role'] }}{% endfor %}\n",
        b"import os\n\nclass M(PreTrainedModel):\n    pass\n",
        b"# Title\n\nWords: more words.\n",
    ]


def one_input(data: bytes) -> None:
    """Parse these bytes."""
    survive(parser, data)
