"""Chunks through something that holds some of them back; what was held back comes before an error of the source."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator
from typing import Protocol, TypeVar

Chunk_contra = TypeVar("Chunk_contra", contravariant=True)
Made_co = TypeVar("Made_co", covariant=True)


class Holds(Protocol[Chunk_contra, Made_co]):
    """Takes chunks, and gives what is made of them when it can."""

    def feed(self, chunk: Chunk_contra, /) -> Made_co:
        """What can be given away now."""

    def finish(self) -> Made_co:
        """All that is left."""

    def close(self) -> None:
        """What is held back is never given away."""


def over(chunks: Iterable[Chunk_contra], holder: Holds[Chunk_contra, Made_co]) -> Iterator[Made_co]:
    """What is made of each chunk, and of the rest. The holder is closed in the end.

    Args:
        chunks: where they raise, what came before is given away first; not so where the holder raises.
        holder: that they go through.
    """
    source, failed = iter(chunks), None
    try:
        while True:
            try:
                chunk = next(source)
            except StopIteration:
                break
            except Exception as error:  # whatever a network raises
                failed = error
                break
            yield holder.feed(chunk)
        yield holder.finish()
        if failed is not None:
            raise failed
    finally:
        holder.close()


async def over_async(
    chunks: AsyncIterable[Chunk_contra], holder: Holds[Chunk_contra, Made_co]
) -> AsyncGenerator[Made_co, None]:
    """The same for what arrives asynchronously; ``chunks`` is closed in the end, too."""
    source, failed = aiter(chunks), None
    try:
        while True:
            try:
                chunk = await anext(source)
            except StopAsyncIteration:
                break
            except Exception as error:  # whatever a network raises
                failed = error
                break
            yield holder.feed(chunk)
        yield holder.finish()
        if failed is not None:
            raise failed
    finally:
        holder.close()
        if hasattr(source, "aclose"):
            await source.aclose()
