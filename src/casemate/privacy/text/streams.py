"""Texts that come in chunks, as a model writes them: redacted on their way out, and restored on their way in.

What is given away does not depend on how the text was cut: all chunks of a stream together give what
``Redactor.redact(text, streaming=True)`` or ``Vault.restore(text)`` makes of the whole. Nothing is given away before
what is needed to go back is kept, or before its restoring is on record. After an error a stream is closed for good:
whoever goes on feeding it gets an error again, and never the text that was held back.
"""

from __future__ import annotations

import codecs
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Self

from casemate.core.errors import UsageError
from casemate.privacy.text.json_text import JsonText
from casemate.privacy.text.parts import Part, Redacting, Restoring
from casemate.privacy.text.passing import over, over_async
from casemate.privacy.text.redactor import Redactor
from casemate.privacy.text.restoration import Restoration


class Stream:
    """A text in chunks; see `StreamRedactor` and `StreamRestorer`.

    Args:
        part: what becomes of the text.
        keep: called before anything is given away; if it raises, nothing is.
    """

    def __init__(self, part: Part, keep: Callable[[], None]) -> None:
        self._part, self._keep, self._open = part, keep, True
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

    @property
    def held(self) -> int:
        """Code points that have arrived and were not given away."""
        return self._part.held if self._open else 0

    @property
    def bound(self) -> int:
        """``held`` is always less, whatever the text."""
        return self._part.bound

    def feed(self, chunk: str | bytes) -> str:
        """What can be given away now.

        Args:
            chunk: any number of letters; or bytes of UTF-8, of which those that are none become lone surrogates
                (PEP 383), and come back by ``encode("utf-8", "surrogateescape")``.

        Raises:
            UsageError: the stream has ended.
            StorageError: what is needed to go back cannot be kept, or the restoring cannot be put on record.
        """
        return self._next(chunk if isinstance(chunk, str) else self._decoder.decode(chunk), ended=False)

    def finish(self) -> str:
        """All that is left; the stream has ended then. Raises what ``feed`` does."""
        made = self._next(self._decoder.decode(b"", final=True), ended=True)
        self.close()
        return made

    def close(self) -> None:
        """End it; what is held back is never given away."""
        self._open = False

    def over(self, chunks: Iterable[str | bytes]) -> Iterator[str]:
        """Pieces of a whole stream. Where ``chunks`` raises, what came before is given away first.

        Raises:
            UsageError: the stream has ended.
            StorageError: see ``feed``.
        """
        return filter(None, over(chunks, self))

    async def over_async(self, chunks: AsyncIterable[str | bytes]) -> AsyncIterator[str]:
        """The same for what arrives asynchronously; ``chunks`` is closed with it."""
        async with contextlib.aclosing(over_async(chunks, self)) as made:
            async for each in made:
                if each:
                    yield each

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _next(self, text: str, *, ended: bool) -> str:
        if not self._open:
            raise UsageError(
                "the stream has ended", cause="it was finished, closed, or failed", next_step="begin a new one"
            )
        try:
            made = self._part.feed(text, ended=ended)
            self._keep()
        except BaseException:
            self.close()
            raise
        return made


class StreamRedactor(Stream):
    """Redacts a text that comes in chunks.

    It waits for ``AHEAD`` and a block of code points (`casemate.privacy.text.windows`), and longer only where a span,
    or a run without white space, is longer; never for ``bound``.

    Args:
        redactor: how.
        before: words that are read as if they stood before the text.
        json: whether the text is JSON: what its strings say is redacted, escapes decoded, and stays JSON.

    Example:
        >>> from casemate.privacy.text.analyzer import Analyzer
        >>> stream = StreamRedactor(Redactor(Analyzer("fast")))
        >>> "".join(stream.over(["mail jane@exam", "ple", ".com"]))
        'mail [EMAIL_ADDRESS]'
    """

    def __init__(self, redactor: Redactor, *, before: str = "", json: bool = False) -> None:
        one = redactor.document()
        super().__init__(JsonText(Redacting(one)) if json else Redacting(one).text(before), one.commit)


class StreamRestorer(Stream):
    """Restores placeholders in a text that comes in chunks.

    Held back is only what may become a placeholder of a value that is kept when the stream begins.

    Args:
        restoration: from ``Vault.restoration``, which asks for role and purpose.
        json: whether the text is JSON: values are escaped.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from casemate.keys.ed25519 import Ed25519Signer
        >>> from casemate.keys.kek_file import create_kek
        >>> from casemate.privacy.text.analyzer import Analyzer
        >>> from casemate.privacy.text.vault import Vault
        >>> folder, signer = Path(tempfile.mkdtemp()), Ed25519Signer("example.org/vault", bytes(32))
        >>> vault = Vault.create(folder / "vault", [create_kek(folder / "kek")], signer, {"clerk": ["answer"]})
        >>> session = vault.session()
        >>> sent = Redactor(Analyzer("fast"), default=session).redact("mail jane@example.com now").text
        >>> stream = StreamRestorer(vault.restoration(role="clerk", purpose="answer", session=session.nonce))
        >>> [stream.feed(sent[:9]), stream.feed(sent[9:]), stream.finish()]
        ['mail ', 'jane@example.com now', '']
    """

    def __init__(self, restoration: Restoration, *, json: bool = False) -> None:
        super().__init__(JsonText(Restoring(restoration)) if json else Restoring(restoration).text(), lambda: None)
