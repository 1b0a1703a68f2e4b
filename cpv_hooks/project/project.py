"""A DVC root inside a Git work tree, with the facts about it that the engine needs."""

from __future__ import annotations

import fnmatch
import os
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from cpv_hooks.dvcformat.dvc_config import SHARED_LINKS, LinkType, RemoteFacts, facts_of, remote_options, settings_of
from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.config import FILE, KINDS, Config, Kind
from cpv_hooks.project.config_file import reload_config

if TYPE_CHECKING:
    from cpv_hooks.dvcformat.pointer import Pointer

_WILDCARDS = frozenset("*?[")


class _Facts(NamedTuple):
    repo: Repo
    root: Path
    config: Config
    cache_dir: Path
    cache_types: tuple[LinkType, ...]
    cache_shared: bool
    lock_by_link: bool
    remote_name: str | None
    remote_url: str | None
    remote_versioned: bool
    options: Mapping[str, Mapping[str, str]] | None
    remotes: Mapping[str, RemoteFacts]


class Project(_Facts):
    """One DVC root. `cache_dir` is DVC's cache (objects lie in `files/md5` below it).

    `remote_name` is the remote at hand: the default one, or that of an output which names another (see `at`).
    `remote_versioned` says that DVC keeps versions under readable names there. `remotes` are all that are configured.
    `lock_by_link` is DVC's `core.hardlink_lock`.
    """

    @classmethod
    def open(cls, repo: Repo, root: Path) -> Project:
        """Open the DVC root `root`; `CPVError` for a configuration that cannot be read."""
        config, settings = reload_config(root, settings_of(root, repo.state))
        facts = facts_of(root, repo.state, settings)
        default = facts.remotes[facts.remote_name] if facts.remote_name else RemoteFacts("", False, {})
        return cls(
            repo=repo,
            root=root,
            config=config,
            cache_dir=Path(facts.cache_dir),
            cache_types=tuple(facts.cache_types),
            cache_shared=facts.cache_shared,
            lock_by_link=facts.lock_by_link,
            remote_name=facts.remote_name,
            remote_url=default.url or None,
            remote_versioned=default.versioned,
            options=default.options,
            remotes=facts.remotes,
        )

    @classmethod
    def find_all(cls, repo: Repo, settings: Iterable[str] | None = None) -> list[Project]:
        """Every DVC root of the work tree that CPV manages (it has a `.cpv.toml`), outermost first.

        `settings` are the `.cpv.toml` files, where Git has just listed them.
        """
        return [cls.open(repo, root) for root in managed_roots(repo, settings)]

    def at(self, remote: str | None) -> Project:
        """This root with the remote that an output names; None is the default one.

        Raises `CPVError` for one that is not configured.
        """
        if remote is None or remote == self.remote_name:
            return self
        known = self.remotes.get(remote)
        if known is None:
            raise CPVError(
                f"names remote {remote!r}, which is not configured",
                where=str(self.root / ".dvc" / "config"),
                fix=f"dvc remote add {shell_word(remote)} URL",
            )
        # The layout that `.cpv.toml` asks for is the default remote's.
        config = self.config._replace(layout="content")
        return self._replace(
            config=config,
            remote_name=remote,
            remote_url=known.url,
            remote_versioned=known.versioned,
            options=known.options,
        )

    def remote_name_of(self, pointer: Pointer) -> str | None:
        """The DVC remote that an output belongs on; None where it names none and there is no default one."""
        return pointer.remote or self.remote_name

    def remote_of(self, pointer: Pointer) -> RemoteFacts | None:
        """The same as DVC's configuration has it; None where it has none of that name."""
        name = self.remote_name_of(pointer)
        return self.remotes.get(name) if name else None

    @property
    def makes_links(self) -> bool:
        """Whether artifacts may be links into the cache."""
        return not SHARED_LINKS.isdisjoint(self.cache_types)

    @property
    def keeps_versions(self) -> bool:
        """Whether a remote is configured on which DVC keeps versions under readable names."""
        return any(remote.versioned for remote in self.remotes.values())

    @cached_property
    def prefix(self) -> str:
        """The root relative to the top of the work tree: empty, or `folder/`."""
        relative = os.path.relpath(self.root, self.repo.top)
        return "" if relative == "." else relative.replace(os.sep, "/") + "/"

    @property
    def remote_options(self) -> Mapping[str, str]:
        """DVC's merged configuration of the default remote, secrets included; never store or print it."""
        if not self.remote_name:
            return {}
        from cpv_hooks.project.clone_settings import CloneSettings

        options = remote_options(self.root, self.remote_name, self.options)
        CloneSettings(self.repo, self.root, self.remote_name, options).check_files()
        return options

    def kind_of(self, path: str) -> Kind:
        """The kind of an artifact, whose path is relative to the top of the work tree."""
        local = path.removeprefix(self.prefix)
        for kind in KINDS:
            if pattern_matcher(self.config.artifacts.get(kind, ()))(local):
                return kind
        return "extra"

    def holds(self, path: str) -> bool:
        """Whether a path (relative to the top) lies in this DVC root."""
        return path.startswith(self.prefix)


def is_pattern(name: str) -> bool:
    """Whether a name may stand for several files: it has a wildcard."""
    return not _WILDCARDS.isdisjoint(name)


@lru_cache
def pattern_matcher(patterns: tuple[str, ...]) -> Callable[[str], object]:
    """Whether a path is what a pattern of `.cpv.toml` names, or lies in a folder that it names: a true answer."""
    names = map(posixpath.normpath, patterns)
    either = [word for name in names for word in (f"{re.escape(name)}(?:/.*)?", fnmatch.translate(name))]
    return re.compile(rf"(?s:{'|'.join(either)})\Z" if either else r"(?!)").match


def managed_roots(repo: Repo, settings: Iterable[str] | None = None) -> list[Path]:
    """The DVC roots that hold a `.cpv.toml`, found in the index and among files that Git does not ignore."""
    if settings is None:
        listed = repo.run("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", FILE, f"*/{FILE}")
        settings = filter(None, listed.split("\0"))
    found: set[Path] = set()
    for name in settings:
        root = repo.top / posixpath.dirname(name)
        if (root / ".dvc").is_dir() and (root / FILE).is_file():
            found.add(root)
    return sorted(found)


def root_key(project: Project) -> str:
    """The name of a DVC root in the queue."""
    return project.prefix.rstrip("/") or "."
