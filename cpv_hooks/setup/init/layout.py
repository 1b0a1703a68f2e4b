"""The layout of the remote that `dvc cpv init` sets up: by content, or by name with versions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from cpv_hooks.dvcformat.dvc_config_files import configured_remotes
from cpv_hooks.errors import CPVError
from cpv_hooks.project.config import FILE, Layout
from cpv_hooks.project.config_file import load_config
from cpv_hooks.setup.init import remote
from cpv_hooks.transfer.objects.remote_kinds import kind_of

_COMMAND = "dvc cpv init --layout versioned"


def check_layout(root: Path, layout: Layout | None, url: str | None) -> None:
    """Refuse a layout other than the one that is configured, or one that the remote cannot have.

    The bucket is asked whether it keeps versions: `RemoteError` where it does not, or cannot be reached.
    """
    if layout is None:
        return
    here = load_config(root).layout
    if here != layout and (here == "versioned" or _has_section(root)):
        what = f"this repository has layout = {here!r}, not {layout!r}"
        raise CPVError(what, where=str(root / FILE), fix=f"edit {FILE}")
    if layout == "versioned":
        _check_bucket(root, url)


def _check_bucket(root: Path, url: str | None) -> None:
    from cpv_hooks.remote.s3.versioned_bucket import demand_versioning
    from cpv_hooks.remote.s3_client.s3_options import S3Options

    default, remotes = configured_remotes(root)
    name = default or (min(remotes) if remotes and url is None else remote.NAME)
    where = remotes.get(name) or url
    if where is None or not kind_of(where).keeps_versions:
        what = f"the layout by name needs a bucket on S3, not {where or 'a folder on this machine'}"
        raise CPVError(what, fix=f"{_COMMAND} --remote s3://BUCKET/PREFIX")
    options = {key: str(value) for key, value in _options(root, name).items()}
    demand_versioning(S3Options.of(name, where, options))


def _options(root: Path, name: str) -> dict[str, Any]:
    if not (root / ".dvc").is_dir():
        return {}
    from dvc.config import Config

    config: Any = Config(dvc_dir=str(root / ".dvc"))
    return dict(config["remote"].get(name, {}))


def to_make_aware(root: Path, layout: Layout | None, new: str | None) -> str | None:
    """The remote that DVC is to keep versions on, or None where it does; `new` is one that is only being made."""
    if layout != "versioned":
        return None
    name = new or configured_remotes(root)[0]
    return None if name is None or _options(root, name).get("version_aware") is True else name


def section(layout: Layout | None) -> str:
    """What a new `.cpv.toml` says of the layout."""
    return "" if layout in (None, "content") else f'\n[remote]\nlayout = "{layout}"\n'


def to_append(root: Path, layout: Layout | None) -> str:
    """What a `.cpv.toml` that is there lacks."""
    return "" if layout is None or load_config(root).layout == layout else section(layout)


def _has_section(root: Path) -> bool:
    path = root / FILE
    return path.exists() and re.search(r"^\s*\[\s*remote\s*\]|^\s*remote\b", path.read_text("utf-8"), re.M) is not None
