"""Names of teams and models."""

from __future__ import annotations

import re
from pathlib import Path

from cpv_hooks.errors import CPVError
from cpv_hooks.project.config import FILE

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,62}[A-Za-z0-9_-]|[A-Za-z0-9_]")


def check_name(what: str, name: str) -> str:
    """Refuse a team or model name that could not be part of a path, a URL and a Git reference."""
    if not NAME.fullmatch(name) or ".." in name:
        option = f"--{what}-name"
        rule = "1 to 64 letters, digits, '.', '_' or '-', not beginning with '-' or '.' nor ending with '.'"
        raise CPVError(f"{name!r} is not a {what} name ({rule})", fix=f"dvc cpv init {option} NAME")
    return name


def check_same(root: Path, what: str, known: str | None, given: str | None) -> None:
    """Refuse what is given where the `.cpv.toml` of a repository says otherwise."""
    if None not in (known, given) and known != given:
        what = f"this repository has {what} = {known!r}, not {given!r}"
        raise CPVError(what, where=str(root / FILE), fix=f"edit {FILE}")
