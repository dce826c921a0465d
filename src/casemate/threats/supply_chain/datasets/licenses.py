"""What the licenses of data allow, by SPDX identifier or URL. Only what their text says; this is no legal advice."""

from __future__ import annotations

import re
from typing import NamedTuple


class Terms(NamedTuple):
    """The terms of a license that matter to whoever trains on the data.

    Attributes:
        id: SPDX identifier, or a short name where SPDX has none.
        commercial: whether commercial use is allowed.
        derivatives: whether adapted material may be shared.
        share_alike: whether adapted material must carry the same license.
        attribution: whether the source must be named.
    """

    id: str
    commercial: bool = True
    derivatives: bool = True
    share_alike: bool = False
    attribution: bool = True


_KNOWN = (
    Terms("CC0-1.0", attribution=False),
    Terms("PDDL-1.0", attribution=False),
    Terms("Unlicense", attribution=False),
    Terms("ODC-By-1.0"),
    Terms("ODbL-1.0", share_alike=True),
    Terms("CDLA-Permissive-1.0"),
    Terms("CDLA-Permissive-2.0", attribution=False),
    Terms("CDLA-Sharing-1.0", share_alike=True),
    Terms("C-UDA-1.0"),
    Terms("O-UDA-1.0"),
    Terms("OGL-UK-3.0"),
    *(Terms(name) for name in ("MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause")),
    *(Terms(name, share_alike=True) for name in ("GPL-2.0-only", "GPL-3.0-only", "AGPL-3.0-only", "GFDL-1.3-only")),
    *(Terms(f"CC-BY-{v}") for v in ("2.0", "2.5", "3.0", "4.0")),
    *(Terms(f"CC-BY-SA-{v}", share_alike=True) for v in ("2.0", "2.5", "3.0", "4.0")),
    *(Terms(f"CC-BY-NC-{v}", commercial=False) for v in ("2.0", "2.5", "3.0", "4.0")),
    *(Terms(f"CC-BY-ND-{v}", derivatives=False) for v in ("2.0", "2.5", "3.0", "4.0")),
    *(Terms(f"CC-BY-NC-SA-{v}", commercial=False, share_alike=True) for v in ("2.0", "2.5", "3.0", "4.0")),
    *(Terms(f"CC-BY-NC-ND-{v}", commercial=False, derivatives=False) for v in ("2.0", "2.5", "3.0", "4.0")),
)
_BY_NAME = {each.id.lower(): each for each in _KNOWN}
_CC_URL = re.compile(
    r"https?://(?:www\.)?creativecommons\.org/(?:licenses/([a-z-]{2,10})/(\d\.\d)|publicdomain/zero/1\.0)",
    re.IGNORECASE,
)
_SPDX_URL = re.compile(r"https?://(?:www\.)?spdx\.org/licenses/([A-Za-z0-9.-]{1,60}?)(?:\.html|\.json)?/?$")


def terms(declared: str) -> Terms | None:
    """The terms of a declared license, or None for one that is not known here.

    Example:
        >>> terms("https://creativecommons.org/licenses/by-nc/4.0/").commercial
        False
        >>> terms("see the paper")
    """
    text = declared.strip()
    if found := _CC_URL.match(text):
        return _BY_NAME.get(f"cc-{found[1]}-{found[2]}".lower() if found[1] else "cc0-1.0")
    if found := _SPDX_URL.match(text):
        text = found[1]
    return _BY_NAME.get(re.sub(r"[\s_]+", "-", text).lower())
