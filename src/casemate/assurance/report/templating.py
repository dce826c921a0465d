"""What every page shares: the templates' rules, the style sheet, and what a browser may do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

SECURITY_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What a browser may do with a page: apply its own style sheet, show the pictures in it, and nothing else."""


def template(name: str, globals: Mapping[str, Any], filters: Mapping[str, Any] | None = None) -> Template:
    """A template of this folder, with the style sheet and these names; whatever else it names is an error."""
    environment = Environment(
        loader=PackageLoader("casemate.assurance.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= dict(globals)
    environment.filters |= dict(filters or {})
    style, _, _ = environment.loader.get_source(environment, "style.css") if environment.loader else ("", "", None)
    environment.globals["style"] = Markup(_squeezed(style))  # noqa: S704
    return environment.get_template(name)


def _squeezed(style: str) -> str:
    """A style sheet without comments and indentation."""
    return re.sub(r"\n\s*", "\n", re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)).strip()
