"""What pages may do in a browser, and the frame of the small ones that the server itself writes."""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape

SHUT = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
"""The Content-Security-Policy that every other begins with."""

_SCRIPT = re.compile(r"<script\b[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)

_STYLE = """
:root { color-scheme: light dark; --paper: #f7f5f0; --ink: #1d1b18; --line: #8a857b; --accent: #9a3d1d; }
@media (prefers-color-scheme: dark) { :root { --paper: #1d1b18; --ink: #f2eee6; --accent: #f0a27f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1.05rem/1.5 system-ui, sans-serif; }
main { max-width: 30rem; margin: 12vh auto; padding: 0 1.25rem; }
h1 { font-size: 1.4rem; margin: 0 0 1rem; }
label { display: block; margin-bottom: .35rem; }
input:not([type=hidden]), button { font: inherit; width: 100%; padding: .6rem .75rem; border-radius: .4rem; }
input { border: 1px solid var(--line); background: transparent; color: inherit; }
button { margin-top: .75rem; border: 0; background: var(--accent); color: var(--paper); cursor: pointer; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.wrong { border-left: 4px solid var(--accent); padding-left: .75rem; }
.drop { border: 2px dashed var(--line); border-radius: .6rem; padding: 2rem 1.25rem; }
.drop.over { border-color: var(--accent); }
.drop input { border: 0; padding-left: 0; }
"""


def page(title: str, body: str, script: str = "") -> str:
    """A whole page. ``body`` and ``script`` are of ours; what is foreign in them is escaped already."""
    end = f"<script>{script}</script>" if script else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<style>{_STYLE}</style></head><body><main>{body}</main>{end}</body></html>"
    )


def page_policy(html: str) -> str:
    """The Content-Security-Policy of a page: its own scripts, known by their hashes, and this server alone."""
    hashes = [hashlib.sha256(script.encode()).digest() for script in _SCRIPT.findall(html)]
    scripts = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in hashes) or "'none'"
    return (
        f"{SHUT}; script-src {scripts}; style-src 'unsafe-inline'; img-src 'self' data: blob:; "
        "media-src 'self' data: blob:; connect-src 'self'; form-action 'self'"
    )
