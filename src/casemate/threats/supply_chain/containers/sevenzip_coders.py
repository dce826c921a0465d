"""The methods of 7z, step by step: copy, LZMA, LZMA2, deflate, bzip2, and the filters in front of them."""

from __future__ import annotations

import lzma
from typing import Final

from casemate.threats.supply_chain.containers.expand import (
    MOST_MEMORY,
    PIECE,
    Alone,
    Decoder,
    Sink,
    Zlib,
    bz2_decoder,
    expand,
)
from casemate.threats.supply_chain.containers.sevenzip_header import Coder, Folder
from casemate.threats.supply_chain.report import Report
from casemate.threats.supply_chain.stops import Malformed
from casemate.threats.supply_chain.view import View

_COPY, _LZMA, _LZMA2, _DEFLATE, _BZIP2 = b"\0", b"\3\1\1", b"\x21", b"\4\1\x08", b"\4\2\2"
_DELTA: Final = b"\3"
_BRANCHES: Final = {
    b"\3\3\1\3": lzma.FILTER_X86,
    b"\4": lzma.FILTER_X86,
    b"\3\3\2\5": lzma.FILTER_POWERPC,
    b"\5": lzma.FILTER_POWERPC,
    b"\3\3\4\1": lzma.FILTER_IA64,
    b"\6": lzma.FILTER_IA64,
    b"\3\3\5\1": lzma.FILTER_ARM,
    b"\7": lzma.FILTER_ARM,
    b"\3\3\7\1": lzma.FILTER_ARMTHUMB,
    b"\x08": lzma.FILTER_ARMTHUMB,
    b"\3\3\x08\5": lzma.FILTER_SPARC,
    b"\x09": lzma.FILTER_SPARC,
}
_ENCRYPTION: Final = b"\6\xf1"
_CHUNK: Final = 1 << 16


def encrypted(folder: Folder) -> bool:
    """Whether one of its coders is a cipher."""
    return any(coder.method.startswith(_ENCRYPTION) for coder in folder.coders)


def unpack(packed: View, folder: Folder, report: Report) -> tuple[View, int]:
    """What a folder unpacks to, and how many bytes of ``packed`` that takes.

    Raises:
        Malformed: a coder is unknown, or the data is damaged or has another size than the header says.
        Refused: it expands beyond the budget.
    """
    view, taken = packed, len(packed)
    for step, (coder, size) in enumerate(zip(folder.coders, folder.sizes, strict=True)):
        if coder.method == _COPY:
            used = len(view)
        elif coder.method in _BRANCHES or coder.method == _DELTA:
            view, used = _filtered(view, coder, report), len(view)
        else:
            sink = Sink(report.budget)
            used = expand(view, 0, len(view), _decoder(coder, size), sink)
            view = View(sink.buffer(), where=packed.where, name=packed.name)
        taken = used if step == 0 else taken
        if len(view) != size:
            raise Malformed(f"a folder has {len(view)} bytes, its header says {size}", 0)
    return view, taken


def _decoder(coder: Coder, size: int) -> Decoder:
    if coder.method == _LZMA and len(coder.properties) == 5:
        return Alone(coder.properties + size.to_bytes(8, "little"))
    if coder.method == _LZMA2 and len(coder.properties) == 1 and coder.properties[0] <= 40:
        bits = coder.properties[0]
        dictionary = 0xFFFFFFFF if bits == 40 else (2 | bits & 1) << (bits // 2 + 11)
        if dictionary > MOST_MEMORY:
            raise Malformed(f"a coder asks for {dictionary} bytes of memory", 0)
        filters = [{"id": lzma.FILTER_LZMA2, "dict_size": max(dictionary, 4096)}]
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
    if coder.method == _DEFLATE:
        return Zlib(-15)
    if coder.method == _BZIP2:
        return bz2_decoder()
    raise Malformed(f"the method {coder.method.hex()} is not read", 0)


def _filtered(view: View, coder: Coder, report: Report) -> View:
    """Undo a filter. liblzma does it only in front of LZMA, so the data is handed over as LZMA2 that is stored."""
    if coder.method == _DELTA:
        spec = {"id": lzma.FILTER_DELTA, "dist": 1 + (coder.properties or b"\0")[0]}
    else:
        spec = {"id": _BRANCHES[coder.method]}
    state = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[spec, {"id": lzma.FILTER_LZMA2, "dict_size": _CHUNK}])
    sink = Sink(report.budget)
    for at in range(0, len(view), _CHUNK):
        piece = view.raw(at, min(_CHUNK, len(view) - at))
        sink.write(state.decompress(b"\1" + (len(piece) - 1).to_bytes(2, "big") + piece, 2 * PIECE))
    sink.write(state.decompress(b"\0", 2 * PIECE))
    return View(sink.buffer(), where=view.where, name=view.name)
