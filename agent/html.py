"""What the pages that Steadface writes share: their templates, and pictures that lie in the page itself."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup


@cache
def template(name: str) -> Template:
    """A template of ``agent/templates``, which escapes what it is given and fails on what it is not."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("agent"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["similarity"] = lambda value: "no face" if value is None else f"{value:.2f}"
    environment.filters["seconds"] = lambda value: "< 0.1 s" if 0 < value < 0.1 else f"{value:.1f} s"
    return environment.get_template(name)


def data_url(data: bytes, kind: str) -> Markup:
    from markupsafe import Markup

    # Base64 holds nothing to escape, and escaping megabytes takes time.
    return Markup(f"data:{kind};base64,{b64encode(data).decode()}")
