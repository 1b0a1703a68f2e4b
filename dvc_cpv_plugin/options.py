"""The keyword options that every method of the Python API takes, and every command as a flag."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypedDict

from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple

_Path = str | os.PathLike[str]


class CommonOptions(TypedDict, total=False):
    """Options of every method; given to a class's constructor they are the defaults of its methods."""

    verbose: bool
    """Print every step on the standard error."""
    log_file: _Path | None
    """Write the operation's log there too; it is always in `~/.cpv/logs/`."""
    dry_run: bool
    """Print the exact effects on Git, DVC, S3 and files, and change nothing."""
    force: bool
    """Skip confirmations and the checks that are safe to skip; never an invariant."""
    notify: bool
    """Send a notification when the operation is over."""
    use_cache: bool
    """Take what DVC's local cache has (the default), or fetch every object anew."""
    repo_path: _Path | None
    """The repository's folder (default: found from the working directory)."""
    working_dir: _Path | None
    """The folder that relative paths start from (default: the current one)."""


class InitOptions(CommonOptions, total=False):
    """Options of `import_model_init`."""

    remote: str | None
    """The DVC remote's URL (default: S3 where AWS is configured, else a folder under `~/.cpv/storage`)."""
    pipeline: bool
    """Add a `dvc.yaml` for `dvc repro`."""


class UploadOptions(CommonOptions, total=False):
    """Options of the uploads."""

    version_tag: str | None
    """The version to give it (default: the line's next)."""
    message: str | None
    """The description of the commit and of the tag."""
    dask: str | None
    """The address of a Dask scheduler whose workers hash, cache and upload the files of a folder."""


UPLOAD = {"version_tag": str, "message": str, "dask": str}
"""The types of the options that `UploadOptions` has besides the common ones."""


ARGUMENTS: Mapping[str, type] = {"data_path": Path, "model_path": Path, "to": Path, "metrics": Mapping, "tags": list}
"""The types of arguments that are no strings."""


class DownloadOptions(CommonOptions, total=False):
    """Options of the downloads."""

    output_dir: _Path | None
    """The folder to write to (default: `MODEL-TAG` in the working directory)."""


class ExportOptions(CommonOptions, total=False):
    """Options of `export_version`."""

    format: Literal["dir", "hf", "oci"]
    """Plain files (the default), a Hugging Face model repository with a model card, an OCI image layout (ModelPack)."""
    manifest: bool
    """Write the SHA-256 of every file to `manifest.intoto.json`."""


class RetireOptions(CommonOptions, total=False):
    """Options of retiring versions."""

    message: str | None
    """Why; it is said wherever such a version is asked for."""
    confirm: list[str] | None
    """The versions that go although they are in a stage, the newest one, or at HEAD."""
    keep_best: int | None
    """Instead of names: all but the best so many by `metric`."""
    metric: str | None
    """The metric (default: `[metrics] main`); a version without it stays."""
    mode: Literal["max", "min"] | None
    """Whether more or less is better (default: as `[metrics]` of `.cpv.toml` says)."""
    older_than: str | None
    """Instead of names: those that are older than this age (`90d`); with `keep_best` both must hold."""
    except_stages: list[str] | None
    """But none that is or was in one of these stages."""


class OperationOptions(NamedTuple):
    """The common options, complete."""

    verbose: bool = False
    log_file: Path | None = None
    dry_run: bool = False
    force: bool = False
    notify: bool = False
    use_cache: bool = True
    repo_path: Path | None = None
    working_dir: Path | None = None

    @property
    def folder(self) -> Path:
        """The folder that relative paths start from, absolute. Raises `CPVError` where it is not there."""
        found = Path(os.path.abspath(self.working_dir or "."))
        if self.working_dir is not None and not found.is_dir():
            raise CPVError("no such folder", where=str(found), fix="name an existing folder (working_dir)")
        return found

    def path(self, given: _Path) -> Path:
        """A path that the user gave, absolute. Raises `CPVError` for one that is empty, as an unset variable is."""
        return Path(os.path.abspath(self.folder / _named("path", given)))


COMMON = OperationOptions._fields
_PATHS = frozenset({"log_file", "repo_path", "working_dir"})


def read_options(
    method: str, given: Mapping[str, Any], *, defaults: OperationOptions, more: Mapping[str, type] | None = None
) -> OperationOptions:
    """The common options of a call, `defaults` where it gives none.

    `more` names the method's own options and their types. Raises `TypeError` for an unknown name, with the nearest
    known one, and for a value of the wrong type.
    """
    known = {**{name: Path if name in _PATHS else bool for name in COMMON}, **(more or {})}
    for name, value in given.items():
        if name not in known:
            raise TypeError(f"{method}() got an unknown option {name!r}{_nearest(name, known)}")
        check_type(method, name, value, known[name], optional=known[name] is not bool)
    return defaults._replace(**{name: _value(name, given[name]) for name in COMMON if name in given})


def check_type(method: str, name: str, value: object, kind: type, *, optional: bool = False) -> None:
    """Raise `TypeError` where an argument is not what it must be; `Path` stands for a string or a path."""
    if value is None and optional:
        return
    allowed: tuple[type, ...] = (str, os.PathLike) if kind is Path else (kind,)
    if not isinstance(value, allowed):
        words = "a string or a path" if kind is Path else "a dictionary" if kind is dict else f"a {kind.__name__}"
        raise TypeError(f"{method}(): {name} must be {words}{' or None' if optional else ''}, not {value!r}")


def _nearest(name: str, known: Mapping[str, type]) -> str:
    import difflib

    found = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {found[0]!r}?" if found else f" (known: {', '.join(known)})"


def _value(name: str, value: Any) -> Any:
    return _named(name, value) if name in _PATHS and value is not None else value


def _named(name: str, given: _Path) -> Path:
    text = os.fspath(given)
    if not text or "\0" in text:
        why = "is empty" if not text else f"cannot hold a NUL character: {text!r}"
        raise CPVError(f"the {name} {why}", fix="name a file or a folder")
    return Path(os.path.expanduser(text))
