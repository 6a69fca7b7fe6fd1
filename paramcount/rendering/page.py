"""A report or a comparison as a page that stands alone: one file of HTML with its scripts, for any browser."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from paramcount.model.report import Report
from paramcount.rendering.fields import printable
from paramcount.rendering.html import as_html

WEB = Path(__file__).parent / "web"
"""The folder of scripts and styles; the service serves them to its own page too."""

SCRIPTS = ("preact.js", "preact-hooks.js", "htm.js", "base.js", "picture.js", "table.js", "report.js")
"""The scripts that show a report, in the order in which they are loaded."""

_UNSAFE = re.compile("[<\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufffe\uffff]")
"""The characters of JSON that end a script or that a reader obeys; JSON can escape all of them."""

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
script-src 'sha256-{hash}'">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<main id="page">
{content}</main>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""


class _Assets(NamedTuple):
    style: str
    script: str
    script_hash: str


@lru_cache
def _load_assets() -> _Assets:
    """Read the style sheet and the scripts as one."""
    script = "\n".join((WEB / name).read_text() for name in (*SCRIPTS, "standalone.js"))
    digest = b64encode(sha256(script.encode()).digest()).decode()
    return _Assets((WEB / "page.css").read_text(), script, digest)


def as_page(report: Report, members: Mapping[str, Any]) -> str:
    """Render a report, whose JSON-able `members` the page shows; without scripts it is the table of a notebook."""
    return render_page(report.root.name or "model", as_html(report), {"report": members})


def render_page(title: str, content: str, data: Mapping[str, Any]) -> str:
    """Render a page of `data`; `content` is the HTML that is seen without scripts."""
    assets = _load_assets()
    text = _UNSAFE.sub(lambda sign: f"\\u{ord(sign[0]):04x}", orjson.dumps(data).decode())
    return _PAGE.format(
        hash=assets.script_hash,
        title=escape(printable(f"{title}: parameters")),
        style=assets.style,
        content=content,
        data=text,
        script=assets.script,
    )
