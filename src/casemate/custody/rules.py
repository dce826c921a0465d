"""What the load guard can find, with the text of ``casemate explain``."""

from __future__ import annotations

from casemate.core.findings import Rule, Severity

_PICKLE = "https://docs.python.org/3/library/pickle.html"
_PICKLEBALL = "Kellas et al., PickleBall, CCS 2025, arXiv:2508.15987"
_HIDE = "Liu et al., The Art of Hide and Seek, 2025, arXiv:2508.19774"
_HOW = (
    "The guard walks the file's opcodes with an abstract stack and memo. It imports and creates nothing; every byte is "
    "either part of an opcode, the data of a declared array, or its padding."
)

IMPORT = Rule(
    id="CM-SUP-001",
    title="The file imports a name that is not on the allow-list",
    severity=Severity.CRITICAL,
    why="Loading a pickle imports every name in it, and importing or calling the wrong one runs the author's code.",
    how=f"{_HOW} Every imported name must be on a reviewed list of exact names, whether or not it is called.",
    fix="Do not load the file. If it is yours and the class is yours, add it: [load] allow = ['package.module:Class'].",
    references=(_PICKLE, _PICKLEBALL, "CWE-502"),
)
CALL = Rule(
    id="CM-SUP-002",
    title="The file calls something that may be named but not called, or with arguments that are not allowed",
    severity=Severity.CRITICAL,
    why="A harmless name becomes a tool in the wrong role: a class called as a function, a function given another one.",
    how=f"{_HOW} Roles are judged one by one: named, constructed, called, given a state, filled.",
    fix="Do not load the file. A model saved by joblib or pickle from an allowed class never does this.",
    references=(_PICKLEBALL, _HIDE),
)
STATE = Rule(
    id="CM-SUP-003",
    title="The file changes the state of something that must not be changed",
    severity=Severity.CRITICAL,
    why="BUILD, SETITEM and APPEND can overwrite attributes of classes, functions and modules, or shadow methods.",
    how=f"{_HOW} State may only be set on instances of allowed classes, without names that Python itself uses.",
    fix="Do not load the file.",
    references=("https://github.com/protectai/modelscan/issues/330", _HIDE),
)
UNRESOLVED = Rule(
    id="CM-SUP-004",
    title="The file computes the name it imports",
    severity=Severity.CRITICAL,
    why="A name that is not a constant in the file cannot be checked before loading.",
    how=f"{_HOW} STACK_GLOBAL must find two constants on the stack, also when they come from the memo.",
    fix="Do not load the file.",
    references=(_PICKLE,),
)
OPCODE = Rule(
    id="CM-SUP-005",
    title="The file uses opcodes that no model needs",
    severity=Severity.HIGH,
    why="Extension codes, persistent ids, INST, OBJ and out-of-band buffers reach objects that a scan cannot see.",
    how=_HOW,
    fix="Do not load the file; ask its author to save the model again with a current joblib.",
    references=(_PICKLE,),
)
TRAILING = Rule(
    id="CM-SUP-006",
    title="Bytes follow the end of the model",
    severity=Severity.HIGH,
    why="A second stream, or a file of another kind, can hide behind the first; another program may read that instead.",
    how=f"{_HOW} Nothing may follow the last STOP, nor the end of the compressed data.",
    fix="Do not load the file; save the model again.",
    references=(_HIDE, "CWE-436"),
)
FRAME = Rule(
    id="CM-SUP-007",
    title="Loaders disagree about what the file says",
    severity=Severity.CRITICAL,
    why="The C and Python loaders treat frames differently, so what a scanner sees need not be what runs.",
    how=f"{_HOW} Frames must not nest, must not be crossed by an opcode, and must end where the stream does.",
    fix="Do not load the file.",
    references=("https://github.com/python/cpython/issues/154848",),
)
BOMB = Rule(
    id="CM-SUP-008",
    title="The file would exhaust memory or time",
    severity=Severity.HIGH,
    why="A few bytes can ask for gigabytes (memo index, compression) or for centuries (a tower of tuples).",
    how=f"{_HOW} Sizes, ratios, memo indexes and the cost of hashing a key are bounded before anything is allocated.",
    fix="Do not load the file. If it is yours and large, raise the size limit.",
    references=("CWE-409", "CWE-400"),
)
ARRAY = Rule(
    id="CM-SUP-009",
    title="An array does not fit its own description",
    severity=Severity.HIGH,
    why="Where an array's bytes end decides where the next opcode begins; memory errors live in such differences.",
    how=f"{_HOW} Shape, dtype and order are read from the file and the array is crossed exactly.",
    fix="Do not load the file; save the model again with a current joblib.",
    references=("https://joblib.readthedocs.io/en/stable/persistence.html",),
)
CARRIED = Rule(
    id="CM-SUP-010",
    title="The file carries a dangerous pickle as data",
    severity=Severity.HIGH,
    why="Nothing here runs it, but there is no honest reason for a model to hold one; it waits for a second stage.",
    how=f"{_HOW} Bytes, texts and arrays are searched for complete pickles that import what is not allowed.",
    fix="Do not load the file. Find out who put it there.",
    references=(_HIDE,),
)
UNREADABLE = Rule(
    id="CM-SUP-011",
    title="The rest of the file cannot be understood",
    severity=Severity.HIGH,
    why="What cannot be read cannot be called clean.",
    how=_HOW,
    fix="Do not load the file; check that it was copied whole.",
    references=(),
)

WARNED = Rule(
    id="CM-SUP-012",
    title="A library warned while the model was loaded",
    severity=Severity.LOW,
    why="A model saved by another version of its library may predict differently, without an error.",
    how="Warnings raised while the scanned bytes are loaded are kept as findings.",
    fix="Load the model with the versions that saved it, or train and save it again.",
    references=("https://scikit-learn.org/stable/model_persistence.html",),
)

RULES: tuple[Rule, ...] = (
    IMPORT,
    CALL,
    STATE,
    UNRESOLVED,
    OPCODE,
    TRAILING,
    FRAME,
    BOMB,
    ARRAY,
    CARRIED,
    UNREADABLE,
    WARNED,
)
"""Every rule of the load guard, in the order of their ids."""
