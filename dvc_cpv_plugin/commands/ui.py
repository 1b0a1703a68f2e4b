"""What a command answers on the standard output; nothing with `-q`."""

from __future__ import annotations

import json
import sys

quiet = False
"""Set for each command from its `-q`."""


def write_output(text: str) -> None:
    if not quiet and sys.stdout is not None:
        sys.stdout.write(f"{text}\n")


def write_json(data: object) -> None:
    """Write a document: indented for people, in one line for programs."""
    write_output(json.dumps(data, indent=2 if sys.stdout is not None and sys.stdout.isatty() else None))
