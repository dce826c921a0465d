"""Files beside a model, opened only beneath the model's folder: no absolute path, no "..", no link on the way.

The same confinement as Linux's ``openat2`` with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS (openat2(2)), made of one
``openat`` a component, because Python 3.11 does not offer that call. The folder is a descriptor that was opened before
the model was, so a renamed or replaced folder changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from casemate.core.errors import UnreadableError
from casemate.custody.guard.sealed import opened
from casemate.threats.supply_chain.view import printable

_MOST_COMPONENTS = 64


@contextmanager
def folder_of(path: Path) -> Iterator[int]:
    """A descriptor of the folder in which ``path`` lies.

    Raises:
        UnreadableError: it cannot be opened.
    """
    try:
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    except (OSError, ValueError) as error:
        cause = (error.strerror or "") if isinstance(error, OSError) else str(error)
        raise UnreadableError(
            f"{path.name} cannot be opened", cause=cause, next_step="check the path and its permissions"
        ) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def opened_beneath(folder: int, relative: str) -> Iterator[int]:
    """A descriptor of the regular file ``relative``, which a model names, beneath ``folder``.

    Raises:
        UnreadableError: the path is absolute, empty, climbs, is too deep, goes through a link, or leads to no file.
    """
    *folders, name = parts = relative.split("/")
    if not all(parts) or {".", ".."} & set(parts) or len(parts) > _MOST_COMPONENTS or not relative.isprintable():
        raise UnreadableError(
            f"the model names a file that is not beneath its folder: {printable(relative)!r}",
            cause="a path to external data is relative, and has no empty, '.' or '..' components",
            next_step="do not load the model",
        )
    with ExitStack() as stack:
        for each in folders:
            try:
                flags = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW
                folder = os.open(each, flags, dir_fd=folder)
            except OSError as error:
                raise UnreadableError(
                    f"{printable(relative)} cannot be opened",
                    cause=error.strerror or "",
                    next_step="put external data where the model says; links are not followed",
                ) from error
            stack.callback(os.close, folder)
        yield stack.enter_context(opened(Path(name), folder, os.O_NOFOLLOW))
