"""Batches for somebody else's loop: drawn by Poisson sampling from a loader's data set, and counted.

A loader of torch's shuffles; what is accounted is Poisson sampling. So a loader is taken for its data set, its batch
size and its way of putting records together, and what it would do otherwise with them is refused, by name.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from casemate.core.errors import DataError, UsageError
from casemate.core.optional import require
from casemate.privacy.dp.sgd.sampler import PoissonSampler

if TYPE_CHECKING:
    import torch
    from torch.utils import data as tud
else:
    torch = require("torch", extra="torch")
    tud = torch.utils.data

PLAIN: Final = (tud.SequentialSampler, tud.RandomSampler)
"""Samplers that stand for "all records, once an epoch"."""


class Turn:
    """The batch that is handed out now; the loader and the optimizer take turns with it.

    Attributes:
        batches: handed out since the last release.
        records: in the batch.
        due: samples that should have gone through the module by now: the batch, or its pieces so far.
        last: whether no piece of it is left.
    """

    def __init__(self) -> None:
        self.new_epoch: Callable[[], None] = lambda: None
        self.clear()

    def clear(self) -> None:
        """Nothing is handed out."""
        self.batches, self.records, self.due, self.last = 0, 0, 0, True

    def hand_out(self, records: int) -> None:
        """A whole batch."""
        self.batches += 1
        self.records, self.due, self.last = records, records, True


class _Batches(tud.Sampler[list[int]]):
    """Which records; their numbers are kept, in order, for when the batch comes out."""

    def __init__(self, sampler: PoissonSampler, count: int) -> None:
        self.sampler, self.count = sampler, count
        self.sizes: deque[int] = deque()

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[list[int]]:
        self.sizes.clear()
        for _ in range(self.count):
            rows = self.sampler.draw()
            self.sizes.append(len(rows))
            yield rows.tolist()


class _Collate:
    """Puts records together as before; of none it makes one record of zeros, which weighs nothing."""

    def __init__(self, inner: Callable[[list[Any]], Any], nothing: Any) -> None:
        self.inner, self.nothing = inner, nothing

    def __call__(self, records: list[Any]) -> Any:
        return self.inner(records) if records else self.nothing


class PoissonLoader(tud.DataLoader[Any]):
    """A loader of Poisson batches: an epoch has ceil(1 / rate) of them, of random sizes.

    An empty batch is handed out as one record of zeros, since few loops can do without one; it is counted as empty.

    Args:
        loader: whose data set, batch size and collation are taken.
        sampler: draws from as many records.
        turn: hears of each batch.
    """

    def __init__(self, loader: tud.DataLoader[Any], sampler: PoissonSampler, turn: Turn) -> None:
        self.turn, self.expected = turn, sampler.expected
        self._drawn = _Batches(sampler, math.ceil(1 / sampler.rate))
        inner: Callable[[list[Any]], Any] = loader.collate_fn
        super().__init__(
            loader.dataset,
            batch_sampler=self._drawn,
            collate_fn=_Collate(inner, _zeros(inner([loader.dataset[0]]))),
            num_workers=loader.num_workers,
            pin_memory=loader.pin_memory,
            timeout=loader.timeout,
            worker_init_fn=loader.worker_init_fn,
            multiprocessing_context=loader.multiprocessing_context,
            prefetch_factor=loader.prefetch_factor,
            persistent_workers=loader.persistent_workers,
        )

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # what it iterates over is the same
        """One epoch. What was left undone of another is forgotten."""
        self.turn.new_epoch()
        self.turn.clear()
        for batch in super().__iter__():
            self.turn.hand_out(self._drawn.sizes.popleft())
            yield batch


class BatchMemoryManager:
    """Splits a loader's batches into physical ones, for less memory; gradients are released once a whole batch.

    Args:
        data_loader: one that `PrivacyEngine` made.
        max_physical_batch_size: samples at a time.
        optimizer: the one that goes with it; until a batch is complete, its ``step`` and ``zero_grad`` do nothing.

    Raises:
        UsageError: the loader is another, or the size no size.

    Example:
        >>> from casemate.privacy.dp import PrivacyEngine
        >>> module, data = torch.nn.Linear(3, 2), tud.TensorDataset(torch.rand(90, 3), torch.arange(90) % 2)
        >>> module, optimizer, loader = PrivacyEngine().make_private(
        ...     module=module,
        ...     optimizer=torch.optim.SGD(module.parameters(), lr=0.1),
        ...     data_loader=tud.DataLoader(data, batch_size=30),
        ...     noise_multiplier=2.0,
        ...     max_grad_norm=1.0,
        ... )
        >>> with BatchMemoryManager(data_loader=loader, max_physical_batch_size=8, optimizer=optimizer) as pieces:
        ...     for x, y in pieces:
        ...         torch.nn.functional.cross_entropy(module(x), y).backward()
        ...         optimizer.step()
        ...         optimizer.zero_grad()
        >>> optimizer.steps
        3
    """

    def __init__(self, *, data_loader: tud.DataLoader[Any], max_physical_batch_size: int, optimizer: Any) -> None:
        if not isinstance(data_loader, PoissonLoader) or getattr(optimizer, "turn", None) is not data_loader.turn:
            raise UsageError(
                "this loader and this optimizer do not belong together",
                next_step="give what one call of PrivacyEngine.make_private returned",
            )
        if max_physical_batch_size < 1:
            raise UsageError(
                f"a batch of {max_physical_batch_size} samples cannot be", next_step="give a size of 1 or more"
            )
        self.loader, self.most = data_loader, max_physical_batch_size

    def __enter__(self) -> BatchMemoryManager:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        turn = self.loader.turn
        for batch in self.loader:
            records, turn.due = turn.records, 0
            for at in range(0, max(records, 1), self.most):
                turn.due = min(at + self.most, records)
                turn.last = turn.due == records
                yield _cut(batch, records, at, at + self.most) if records else batch


def check_loader(loader: Any) -> int:
    """How large the batches of a loader are that can be replaced by one of Poisson batches.

    Raises:
        UsageError: it does something that is neither Poisson sampling nor replaced by it without a word.
        DataError: it has no records.
    """
    if isinstance(loader, PoissonLoader):
        raise UsageError("this loader is private already", next_step="give the one it was made from")
    if not isinstance(loader, tud.DataLoader):
        raise UsageError(f"batches cannot be drawn from a {type(loader).__name__}", next_step="give a torch DataLoader")
    reason = ""
    if isinstance(loader.dataset, tud.IterableDataset):
        reason = (
            "records of an iterable data set cannot be drawn by lot: PrivateTraining(order='fixed') takes them in turn"
        )
    elif loader.batch_size is None or type(loader.batch_sampler) is not tud.BatchSampler:
        reason = "its batches are made by a sampler of its own, and only Poisson sampling is accounted for"
    elif loader.drop_last:
        reason = "with drop_last some records would be left out, and Poisson batches have no rest to drop"
    elif type(loader.sampler) not in PLAIN:
        reason = f"{type(loader.sampler).__name__} draws records with other probabilities than those accounted for"
    elif isinstance(loader.sampler, tud.RandomSampler) and (
        loader.sampler.replacement or loader.sampler.num_samples != len(loader.dataset)  # type: ignore[arg-type]
    ):
        reason = "it draws records with replacement, or not all of them"
    if reason:
        raise UsageError(
            "this loader cannot be replaced by one with Poisson sampling",
            cause=reason,
            next_step="give a plain DataLoader(dataset, batch_size=...), shuffled or not",
        )
    records = len(loader.dataset)  # type: ignore[arg-type]  # no iterable data set
    if not records:
        raise DataError("the loader has no records", next_step="give a data set with records")
    return min(int(loader.batch_size or 1), records)


def _zeros(given: Any) -> Any:
    """The same with zeros in all tensors.

    Raises:
        UsageError: something else is in it.
    """
    if isinstance(given, torch.Tensor):
        return torch.zeros_like(given)
    return _inside(given, _zeros)


def _cut(given: Any, records: int, start: int, end: int) -> Any:
    """Some of the records of a batch."""
    if isinstance(given, torch.Tensor):
        return given[start:end] if given.dim() and len(given) == records else given
    return _inside(given, lambda each: _cut(each, records, start, end))


def _inside(given: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(given, Mapping):
        return {key: change(each) for key, each in given.items()}
    if isinstance(given, tuple) and hasattr(given, "_fields"):
        return type(given)(*map(change, given))
    if isinstance(given, list | tuple):
        return type(given)(map(change, given))
    raise UsageError(
        f"a batch holds a {type(given).__name__}, and no such batch can be empty",
        cause="Poisson batches can have no record at all",
        next_step="let the collate function return tensors, in lists, tuples or dictionaries",
    )
