"""Where the files of `hook-templates/` are."""

from __future__ import annotations

from pathlib import Path


def templates() -> Path:
    """The folder of the templates: inside the installed package, or beside it in a source tree (`pip install -e`)."""
    package = Path(__file__).parent
    installed = package / "templates"
    return installed if installed.is_dir() else package.parent / "hook-templates"
