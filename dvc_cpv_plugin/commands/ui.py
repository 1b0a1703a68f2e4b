"""What a command answers on the standard output; nothing with `-q`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence

quiet = False
"""Set for each command from its `-q`."""


def write_output(text: str) -> None:
    if not quiet and sys.stdout is not None:
        sys.stdout.write(f"{text}\n")


def write_json(data: object) -> None:
    """Write a document: indented for people, in one line for programs."""
    write_output(json.dumps(data, indent=2 if sys.stdout is not None and sys.stdout.isatty() else None))


def write_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], style: tuple[int, Callable[[str], str]] | None = None
) -> None:
    """Write a table for a terminal; `style` is a column, and the style of a text in it."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="right" if heading in ("size", "seconds") else "left", overflow="fold")
    for row in rows:
        # Text, not str: a name in square brackets is no markup.
        cells = [Text(cell) for cell in row]
        if style is not None:
            cells[style[0]].stylize(style[1](row[style[0]]))
        table.add_row(*cells)
    Console().print(table)
