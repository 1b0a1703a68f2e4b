"""A DVC root inside a Git work tree, with the facts about it that the engine needs.

DVC's own configuration reader takes 100 ms to import, so what it says (cache folder, link types, default remote) is
remembered in CPV's state under the signature of the configuration files. Secrets are never remembered: of the default
remote's options only the files in which they stand, from which they are read each time.
"""

from __future__ import annotations

import fnmatch
import json
import os
import posixpath
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cpv_hooks.config import FILE, KINDS, Config, Kind, load
from cpv_hooks.durable import write_atomic
from cpv_hooks.errors import CPVError
from cpv_hooks.git import Repo

# What decides where the configuration of the system and of the user lie (`platformdirs`).
_DECIDING = ("DVC_SYSTEM_CONFIG_DIR", "DVC_GLOBAL_CONFIG_DIR", "XDG_CONFIG_DIRS", "XDG_CONFIG_HOME", "HOME")
# Options that name files in which AWS's own settings may name a program to run.
_PROGRAMS = frozenset({"configpath", "credentialpath"})


@dataclass(frozen=True)
class _Facts:
    """What DVC's merged configuration says."""

    cache_dir: str
    cache_types: tuple[str, ...]
    cache_shared: bool
    remote_name: str | None
    remote_url: str | None
    remote_versioned: bool
    options: Mapping[str, Mapping[str, str]] | None
    """Of the default remote: file -> the options that it says, by name alone, and under no file those that DVC adds,
    with their values; None where only DVC can tell."""


@dataclass(frozen=True)
class Project:
    """One DVC root. `cache_dir` is DVC's cache (objects lie in `files/md5` below it).

    `remote_versioned` says that the default remote is one on which DVC keeps versions under readable names.
    """

    repo: Repo
    root: Path
    config: Config
    cache_dir: Path
    cache_types: tuple[str, ...]
    cache_shared: bool
    remote_name: str | None
    remote_url: str | None
    remote_versioned: bool = False
    options: Mapping[str, Mapping[str, str]] | None = None

    @classmethod
    def open(cls, repo: Repo, root: Path) -> Project:
        """Open the DVC root `root`; `CPVError` for a configuration that cannot be read."""
        facts = _remembered_facts(repo, root)
        return cls(
            repo=repo,
            root=root,
            config=load(root),
            cache_dir=Path(facts.cache_dir),
            cache_types=tuple(facts.cache_types),
            cache_shared=facts.cache_shared,
            remote_name=facts.remote_name,
            remote_url=facts.remote_url,
            remote_versioned=facts.remote_versioned,
            options=facts.options,
        )

    @classmethod
    def find_all(cls, repo: Repo) -> list[Project]:
        """Every DVC root of the work tree that CPV manages (it has a `.cpv.toml`), outermost first."""
        return [cls.open(repo, root) for root in managed_roots(repo)]

    @property
    def prefix(self) -> str:
        """The root relative to the top of the work tree: empty, or `folder/`."""
        relative = os.path.relpath(self.root, self.repo.top)
        return "" if relative == "." else relative.replace(os.sep, "/") + "/"

    @property
    def remote_options(self) -> Mapping[str, str]:
        """DVC's merged configuration of the default remote, secrets included; never store or print it."""
        if not self.remote_name:
            return {}
        options = _options_in(self.options, self.remote_name)
        if options is None:
            remotes: Mapping[str, Mapping[str, Any]] = _dvc_config(self.root).get("remote", {})
            options = {key: str(value) for key, value in remotes.get(self.remote_name, {}).items()}
        for key in _PROGRAMS & options.keys():
            self._refuse_inside(key, options[key])
        return options

    def _refuse_inside(self, key: str, value: str) -> None:
        """A file that came with a clone must not say how credentials are had (`credential_process` runs a program)."""
        top = os.path.realpath(self.repo.top)
        for folder in (Path.cwd(), self.root, self.root / ".dvc"):
            path = Path(os.path.realpath(folder / Path(value).expanduser()))
            if path.is_relative_to(top) and (path.exists() or Path(value).is_absolute()):
                what = f"{key} of remote {self.remote_name} lies in the repository, and could make AWS run a program"
                fix = f"dvc remote modify --local {self.remote_name} {key} A-FILE-OF-YOUR-OWN-ELSEWHERE"
                raise CPVError(what, where=str(path), fix=fix)

    def kind_of(self, path: str) -> Kind:
        """The kind of an artifact, whose path is relative to the top of the work tree."""
        local = path.removeprefix(self.prefix)
        for kind in KINDS:
            if any(matches(local, pattern) for pattern in self.config.artifacts.get(kind, ())):
                return kind
        return "extra"

    def holds(self, path: str) -> bool:
        """Whether a path (relative to the top) lies in this DVC root."""
        return path.startswith(self.prefix)


def matches(path: str, pattern: str) -> bool:
    """Whether a path is what a pattern of `.cpv.toml` names, or lies in a folder that it names."""
    pattern = posixpath.normpath(pattern)
    return fnmatch.fnmatchcase(path, pattern) or path.startswith(pattern + "/")


def managed_roots(repo: Repo) -> list[Path]:
    """The DVC roots that hold a `.cpv.toml`, found in the index and among files that Git does not ignore."""
    listed = repo.run("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", FILE, f"*/{FILE}")
    found: set[Path] = set()
    for name in filter(None, listed.split("\0")):
        root = repo.top / posixpath.dirname(name)
        if (root / ".dvc").is_dir() and (root / FILE).is_file():
            found.add(root)
    return sorted(found)


def _config_folders() -> list[str]:
    """Where DVC's configuration of the system and of the user lie."""
    import platformdirs

    system = os.environ.get("DVC_SYSTEM_CONFIG_DIR") or platformdirs.site_config_dir("dvc", "iterative")
    user = os.environ.get("DVC_GLOBAL_CONFIG_DIR") or platformdirs.user_config_dir("dvc", "iterative")
    return [system, user]


def _config_files(folders: Sequence[str], root: Path) -> list[str]:
    """The four levels of `dvc.config.Config`, the strongest last."""
    return [*(f"{folder}/config" for folder in folders), f"{root}/.dvc/config", f"{root}/.dvc/config.local"]


def _signature(folders: Sequence[str], root: Path) -> dict[str, Any]:
    """Of what decides where DVC's configuration lies, and of its files."""

    def of(path: str) -> list[int] | None:
        try:
            status = os.stat(path)
        except OSError:
            return None
        return [status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino]

    return {
        "environment": [os.environ.get(name) for name in _DECIDING],
        "folders": list(folders),
        "files": [of(file) for file in _config_files(folders, root)],
    }


def _remembered_facts(repo: Repo, root: Path) -> _Facts:
    store = repo.state / "projects.json"
    key = str(root)
    try:
        known = json.loads(store.read_bytes())
    except (OSError, ValueError):
        known = {}
    known = known if isinstance(known, dict) else {}
    with suppress(KeyError, TypeError):  # of an older CPV
        entry = known[key]
        if entry["signature"] == _signature(entry["signature"]["folders"], root):
            return _Facts(**entry["facts"])
    # Before they are read: what changes meanwhile is read again.
    folders = _config_folders()
    signature = _signature(folders, root)
    facts = _read_facts(root, _config_files(folders, root))
    known[key] = {"signature": signature, "facts": asdict(facts)}
    write_atomic(store, json.dumps(known).encode())
    return facts


def _dvc_config(root: Path) -> Mapping[str, Any]:
    from dvc.config import Config as DVCConfig
    from dvc.config import ConfigError

    try:
        config: Mapping[str, Any] = DVCConfig(dvc_dir=str(root / ".dvc"))
        return config
    except ConfigError as error:
        raise CPVError(f"DVC's configuration: {error}", where=str(root / ".dvc"), fix="edit .dvc/config") from error


def _said_in(file: str, remote: str) -> dict[str, str]:
    """What a file of DVC's configuration says of a remote, word by word."""
    from configobj import ConfigObj, ConfigObjError  # type: ignore[import-untyped]

    try:
        section = ConfigObj(file, encoding="utf-8", interpolation=False).get(f'remote "{remote}"', {})
    except (OSError, ValueError, ConfigObjError):
        return {}
    return {key: value for key, value in section.items() if isinstance(value, str)}


def _where_said(options: Mapping[str, Any], remote: str, files: Sequence[str]) -> dict[str, dict[str, str]] | None:
    """See `_Facts.options`; None where DVC understands one in another way than it is written."""
    said = {file: _said_in(file, remote) for file in files}
    found: dict[str, dict[str, str]] = {}
    for key, value in options.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        saying = [file for file in files if key in said[file]]
        if saying and said[saying[-1]][key] == text:
            found.setdefault(saying[-1], {})[key] = ""
        elif not saying and isinstance(value, bool | int):
            found.setdefault("", {})[key] = text
        else:
            return None
    return found


def _options_in(places: Mapping[str, Mapping[str, str]] | None, remote: str) -> dict[str, str] | None:
    """The options from the files that say them; None where one does no more."""
    if places is None:
        return None
    found = dict(places.get("", {}))
    for file in filter(None, places):
        said = _said_in(file, remote)
        if not places[file].keys() <= said.keys():
            return None
        found |= {key: said[key] for key in places[file]}
    return found


def _read_facts(root: Path, files: Sequence[str]) -> _Facts:
    config = _dvc_config(root)
    cache, remotes = config.get("cache", {}), config.get("remote", {})
    name = config.get("core", {}).get("remote")
    if name and name not in remotes:
        raise CPVError(
            f"core.remote names {name!r}, which is not configured",
            where=str(root / ".dvc" / "config"),
            fix=f"dvc remote add {name} URL",
        )
    types = cache.get("type") or ["reflink", "copy"]
    return _Facts(
        cache_dir=str(Path(root, cache.get("dir") or Path(".dvc", "cache")).resolve()),
        cache_types=tuple(types),
        cache_shared=cache.get("shared") == "group",
        remote_name=name,
        remote_url=str(remotes[name]["url"]) if name else None,
        options=_where_said(remotes[name], name, files) if name else {},
        remote_versioned=bool(name) and any(remotes[name].get(key) is True for key in ("version_aware", "worktree")),
    )
