"""The page: a template, styles and scripts of this package, and the chart library out of its own.

Everything is inside the one file. A Content Security Policy allows the scripts and styles that are in it, by their
hashes, and nothing else; the document is JSON in an element that no browser runs.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from cpv_hooks.errors import CPVError
from cpv_hooks.html_report.report_contents import Document

GENERATOR = '<meta name="generator" content="dvc-cpv report">'
"""What tells a report from any other file."""
_HEAD = 4096
"""Bytes in which that is."""
_STYLES = ("theme.css", "tables.css", "parts.css")
_SCRIPTS = (
    "elements.js",
    "versions.js",
    "drawing.js",
    "storage.js",
    "charts.js",
    "table.js",
    "compare.js",
    "models.js",
    "panels.js",
    "main.js",
)
_ESCAPES = {char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def page(document: Document, library: str) -> str:
    """The HTML of a report; `library` is the script of the chart library."""
    style = "".join(map(_asset, _STYLES))
    scripts = [library, *map(_asset, _SCRIPTS)]
    parts = {
        "generator": GENERATOR,
        "policy": html.escape(_policy(scripts, style)),
        "title": html.escape(document["repository"]),
        "style": f"<style>{style}</style>",
        "data": f'<script type="application/json" id="data">{as_json(document)}</script>',
        "scripts": "\n".join(f"<script>{script}</script>" for script in scripts),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _text("page.html"))


def as_json(document: object) -> str:
    """JSON that no HTML parser takes for markup, whatever the texts in it are."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return "".join(map(_escaped, re.split("([<>&\u2028\u2029\ud800-\udfff])", text)))


def _escaped(part: str) -> str:
    if len(part) == 1 and "\ud800" <= part <= "\udfff":
        return f"\\u{ord(part):04x}"  # half of a character, as in a name that is not UTF-8
    return _ESCAPES.get(part, part)


def is_report(path: Path) -> bool:
    with path.open("rb") as stream:
        return GENERATOR.encode() in stream.read(_HEAD)


@cache
def chart_library() -> str:
    """The script of Vega, Vega-Lite and Vega-Embed, as vl-convert has it. `CPVError` where it is not installed."""
    try:
        from vl_convert import javascript_bundle
    except ImportError as error:
        what = "the report's charts are drawn by Vega, which is not installed"
        raise CPVError(what, fix="pip install 'dvc-cpv[report]'") from error
    # In a function, so that its thousands of names are not ours.
    return _inline(f"(() => {{{javascript_bundle('window.vegaEmbed = vegaEmbed;')}}})();")


def _asset(name: str) -> str:
    return _inline(_text(name))


def _text(name: str) -> str:
    return files(__package__).joinpath("assets", name).read_text("utf-8")


def _inline(text: str) -> str:
    """A text that ends no script and opens no comment, and that the parser hands on as it is."""
    return re.sub(r"<(?=/script|/style|!--|script)", r"\\x3c", text.replace("\r\n", "\n"), flags=re.IGNORECASE)


def _policy(scripts: Sequence[str], style: str) -> str:
    return (
        f"default-src 'none'; script-src {' '.join(map(_hash, scripts))}; style-src {_hash(style)}; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
