"""Samples of our own, written from the rules' logic, each malicious; with every deny rule off still suspicious."""

from __future__ import annotations

import base64
import struct

import pytest

from casemate.threats.supply_chain.engine import Outcome, scan_view
from casemate.threats.supply_chain.pickles.allowlist import reviewed
from casemate.threats.supply_chain.report import Settings
from casemate.threats.supply_chain.verdict import Verdict
from casemate.threats.supply_chain.view import View
from tests.threats.supply_chain.pickles.assemble import (
    DROPPED,
    PAYLOAD,
    array,
    call,
    frame,
    mapping,
    name,
    new,
    number,
    raw,
    stream,
    text,
    tup,
)
from tests.threats.supply_chain.pickles.hostile import HOSTILE

SETTINGS = Settings(allow=reviewed())
NO_DENY = Settings(allow=reviewed(), deny=False)
ESTIMATOR = name("sklearn.linear_model._logistic", "LogisticRegression")
GETATTR = name("builtins", "getattr")
ORDERED = name("collections", "OrderedDict")
PARTIAL = name("functools", "partial")
TENSOR = name("torch._utils", "_rebuild_tensor_v2")
LEGACY = name("torch.storage", "_load_from_bytes")


def dotted(module: str, attribute: str, *arguments: bytes) -> bytes:
    return call(text(module) + text(attribute) + b"\x93", *arguments)


def scanned(data: bytes, settings: Settings = SETTINGS, where: str = "file") -> Outcome:
    return scan_view(View(data, where=where), settings)


MALICIOUS: dict[str, bytes] = {
    # names reached through allow-listed modules
    "dotted through collections": stream(dotted("collections", "_sys.modules.clear"), 4),
    "dotted through numpy": stream(dotted("numpy", "core.multiarray.os.system", text("id")), 4),
    "dotted through a listed class": stream(dotted("collections", "OrderedDict.fromkeys.__self__.__init__"), 4),
    "dotted through sklearn to joblib": stream(dotted("sklearn.base", "joblib.load", text("x.pkl")), 4),
    "dotted through torch": stream(dotted("torch._utils", "sys.modules"), 4),
    "name in the memo, swapped": stream(
        text("collections") + b"q\x05" + text("os") + b"q\x05" + b"00h\x05" + text("system") + b"\x93" + tup() + b"R", 4
    ),
    "module reached by an alias of Python 2": stream(call(name("commands", "getoutput"), text("id")), 2),
    # what is overwritten
    "BUILD on a class": stream(ESTIMATOR + mapping(predict=number(1)) + b"b"),
    "BUILD on a function with slots": stream(name("numpy", "mean") + tup(b"N", mapping(__code__=number(1))) + b"b"),
    "numpy's builtins": stream(dotted("numpy", "__builtins__") + mapping(len=number(1)) + b"b", 4),
    "SETITEM on a class": stream(ORDERED + text("x") + number(1) + b"s"),
    "APPENDS on a name": stream(name("builtins", "list") + b"(" + number(1) + b"e"),
    "ADDITEMS on a name": stream(name("numpy", "mean") + b"(" + number(1) + b"\x90", 4),
    "own class replaced": stream(new(ESTIMATOR) + mapping(__class__=name("functools", "partial")) + b"b"),
    "state rule of its own": stream(new(ESTIMATOR) + mapping(__setstate__=name("numpy", "mean")) + b"b"),
    # calls through allow-listed names
    "reduce of a value only": stream(call(name("numpy", "mean"), raw(b"12345678"))),
    "partial of eval": stream(call(PARTIAL, name("builtins", "eval")) + b"q\x01" + tup(text("1")) + b"R"),
    "partial called": stream(call(call(PARTIAL, name("numpy", "mean")), tup())),
    "getattr of a class": stream(call(GETATTR, ORDERED, text("__init__"))),
    "getattr chain": stream(call(call(GETATTR, call(GETATTR, ORDERED, text("__class__")), text("mro")))),
    "methodcaller": stream(call(call(name("operator", "methodcaller"), text("system"), text("id")), ESTIMATOR)),
    "attrgetter": stream(call(call(name("operator", "attrgetter"), text("__globals__")), name("numpy", "mean"))),
    "factory that acts": stream(call(name("collections", "defaultdict"), name("os", "getcwd"))),
    "reconstructor of another": stream(
        call(name("copyreg", "_reconstructor"), name("subprocess", "Popen"), name("builtins", "object"), b"N")
    ),
    "codec that decodes": stream(call(name("_codecs", "decode"), text("x"), text("rot13"))),
    "type made": stream(call(name("builtins", "type"), text("X"), tup(), mapping())),
    "compile of a pattern with no end": stream(call(name("re", "_compile"), text("(a+)+" * 400), number(0))),
    "unreviewed of the standard library": stream(call(name("statistics", "mean"), tup())),
    "a result that is called": stream(call(call(name("third.party", "make")), text("x"))),
    "a constant that is called": stream(call(text("os.system"), text("id"))),
    "a computed name": stream(
        call(name("_codecs", "encode"), text("os"), text("latin1")) + text("system") + b"\x93", 4
    ),
    # what hides it
    "popped call": stream(DROPPED + b"N"),
    "popped with its mark": stream(b"(" + PAYLOAD + b"1N"),
    "after STOP": stream(b"N") + stream(PAYLOAD),
    "after STOP and junk of a number": stream(b"N") + b"K\x01" + PAYLOAD + b".",
    "in a frame's shadow": b"\x80\x04" + frame(b"C\x28") + DROPPED + b"N." + b"." * 32,
    "in a frame too short": b"\x80\x04" + frame(DROPPED + b"N", 5) + b".",
    "unframed behind a long frame": b"\x80\x04" + frame(b"N0", 1 << 30) + PAYLOAD + b".",
    "before a break": stream(DROPPED)[:-1] + b"\xff",
    "before a truncated array": stream(DROPPED + array((1 << 20,), b"short")),
    "a line without an end": b"\x80\x02cos\nsystemX",
    "INST": b"(Vid\nios\nsystem\n.",
    "OBJ": stream(b"(" + name("os", "system") + text("id") + b"o"),
    "arguments in a list": stream(name("os", "system") + b"](" + text("id") + b"eR"),
    "NEWOBJ of a function": stream(new(name("os", "system"), text("id"))),
    "NEWOBJ_EX with keywords": stream(name("subprocess", "Popen") + tup() + mapping(args=text("id")) + b"\x92", 4),
    "behind an extension code": stream(b"\x82\x01" + tup(text("id")) + b"R"),
    "in a persistent id": stream(tup(PAYLOAD) + b"Q"),
    "memo aliased as arguments": stream(name("os", "system") + tup(text("id")) + b"q\x00" + b"0h\x00R"),
    "a hundred harmless alarms first": stream(
        b"".join(name("third.party", f"Name{n}") + b"0" for n in range(150)) + PAYLOAD
    ),
    # inside of other data
    "torch file in bytes": stream(call(LEGACY, raw(stream(PAYLOAD, 2)))),
    "torch file in bytes in bytes": stream(call(LEGACY, raw(stream(call(LEGACY, raw(stream(PAYLOAD, 2))))))),
    "after an array of joblib": stream(b"(" + array((4,), b"\0" * 32) + PAYLOAD + b"t"),
    "in an array of objects": stream(array((1,), stream(b"]" + PAYLOAD + b"a", 4), code="O8", padding=b"")),
    "tensor with hooks that act": stream(
        TENSOR + tup(b"N", number(0), tup(), tup(), b"\x89", PAYLOAD) + b"R"
    ),
    "scripted name without its archive": stream(call(name("__torch__", "x"), text("y")) + tup() + b"R"),
}  # fmt: skip

SUSPICIOUS: dict[str, bytes] = {
    "unknown class": stream(new(name("third.party", "Model")) + mapping(a=number(1)) + b"b"),
    "unknown function called": stream(call(name("third.party", "make"), text("x"))),
    "torch file from a result": stream(call(LEGACY, call(name("builtins", "bytearray"), raw(b"x")))),
    "pickle in bytes": stream(raw(stream(PAYLOAD))),
    "pickle in text": stream(text(stream(PAYLOAD).decode("latin-1"))),
    "pickle in base64": stream(text(base64.b64encode(stream(PAYLOAD)).decode())),
    "pickle in digits": stream(text(stream(PAYLOAD, 4).hex())),
    "program in text": stream(text("import os\nos.system('id')")),
    "tower of doubled tuples": stream(b"}(N" + b"2\x86" * 60 + b"Nu"),
    "memo of two billion": stream(b"Nr\xff\xff\xff\x7f"),
    "extension code": stream(b"\x82\x01"),
    "persistent id outside of torch": stream(b"Pkey\n"),
    "junk at the end": stream(b"N") + b"\0" * 8,
    "integer of a megabyte": stream(b"\x8b" + struct.pack("<i", 1 << 20) + b"\1" * (1 << 20)),
}


@pytest.mark.parametrize("case", MALICIOUS)
def test_a_sample_that_acts_is_malicious(case: str) -> None:
    found = scanned(MALICIOUS[case])
    assert found.verdict is Verdict.MALICIOUS, found
    assert scanned(MALICIOUS[case], NO_DENY).verdict in (Verdict.MALICIOUS, Verdict.SUSPICIOUS)


@pytest.mark.parametrize("case", SUSPICIOUS)
def test_a_sample_that_does_not_act_is_suspicious(case: str) -> None:
    assert scanned(SUSPICIOUS[case]).verdict is Verdict.SUSPICIOUS, scanned(SUSPICIOUS[case])


@pytest.mark.parametrize("case", HOSTILE)
def test_the_guards_hostile_bytes_are_never_clean_without_the_deny_list_either(case: str) -> None:
    data = HOSTILE[case][1]
    if case in ("as the data of an array", "a second clean stream"):
        return  # the guard refuses them; a scan sees data, and two harmless streams
    for settings in (SETTINGS, NO_DENY):
        assert scanned(data, settings).verdict in (Verdict.MALICIOUS, Verdict.SUSPICIOUS)
