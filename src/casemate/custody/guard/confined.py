"""The unpickler of the load guard: it resolves the names that the scan saw, and no others.

After a clean scan this changes nothing. It is there for the day on which a stream means more to the loader than to the
scan: such a name is then refused when it is asked for, before it is imported.
"""

from __future__ import annotations

import io
import mmap
import pickle
from collections.abc import Iterable
from typing import Any

import numpy as np
from joblib.numpy_pickle import NumpyArrayWrapper, NumpyUnpickler  # noqa: TID251
from joblib.numpy_pickle_compat import NDArrayWrapper

from casemate.threats.supply_chain.pickles.names import resolve


class StrayNameError(pickle.UnpicklingError):
    """A stream asked for a name that the scan did not see."""


class _Names:
    """Mixed into an unpickler: names by exact comparison, no extension codes."""

    names: frozenset[str]
    proto: int

    def find_class(self, module: str, name: str) -> Any:
        """The object of this name, if the scan saw the name."""
        seen = ":".join(resolve(module, name, getattr(self, "proto", 0)))
        if seen not in self.names:
            raise StrayNameError(f"the stream asks for {seen[:200]}, which its scan did not show")
        return super().find_class(module, name)  # type: ignore[misc]

    def get_extension(self, code: int) -> None:
        """Refuse: extension codes reach objects without their names."""
        raise StrayNameError(f"the stream uses the extension code {code}")


class _Inner(_Names, pickle._Unpickler):  # noqa: TID251
    """For the stream of objects that stands where an array of objects would."""

    def __init__(self, stream: Any, names: frozenset[str]) -> None:
        super().__init__(stream)
        self.names = names


class Confined(_Names, NumpyUnpickler):  # type: ignore[misc]
    """joblib's unpickler, which also reads plain pickles, confined to ``names``.

    Arrays lie where the bytes lie, if those are writable and aligned: nothing is copied. Others are copied once.

    Args:
        content: the bytes that were scanned, decompressed.
        names: as "module:name".
    """

    dispatch = NumpyUnpickler.dispatch.copy()

    def __init__(self, content: bytes | mmap.mmap, names: Iterable[str]) -> None:
        stream: Any = io.BytesIO(content) if isinstance(content, bytes) else content
        stream.seek(0)
        super().__init__("", stream, ensure_native_byte_order=True)
        self.content = content
        self.names = frozenset(names)

    def load_build(self) -> None:
        """Set a state; what was joblib's place-holder for an array becomes the array."""
        pickle._Unpickler.load_build(self)  # type: ignore[attr-defined]  # noqa: TID251
        if isinstance(self.stack[-1], NumpyArrayWrapper):
            self.stack[-1] = self._array(self.stack[-1])
        elif isinstance(self.stack[-1], NDArrayWrapper):
            raise pickle.UnpicklingError("joblib before 0.10 kept this array in another file; save the model again")

    dispatch[pickle.BUILD[0]] = load_build

    def _array(self, wrapper: Any) -> Any:
        if wrapper.dtype.hasobject:
            array = _Inner(self.file_handle, self.names).load()
        else:
            if wrapper.safe_get_numpy_array_alignment_bytes() is not None:
                self.file_handle.read(self.file_handle.read(1)[0])
            array = self._raw(wrapper)
        foreign = not array.dtype.isnative and array.dtype.fields is None
        return array.astype(array.dtype.newbyteorder("=")) if foreign else array

    def _raw(self, wrapper: Any) -> Any:
        count = 1
        for length in wrapper.shape:
            count *= int(length)
        at, size = self.file_handle.tell(), count * wrapper.dtype.itemsize
        if not size:
            return np.empty(wrapper.shape, wrapper.dtype, wrapper.order)
        array = np.frombuffer(self.content, wrapper.dtype, count, at)
        if not (array.flags.writeable and array.flags.aligned):
            array = array.copy()
        self.file_handle.seek(at + size)
        return array.reshape(wrapper.shape, order=wrapper.order)


def unpickle(content: bytes | mmap.mmap, names: Iterable[str]) -> Any:
    """The object in a scanned pickle or joblib stream.

    Raises:
        StrayNameError: it asks for a name that is not among ``names``; nothing of that name was imported.
    """
    return Confined(content, names).load()
