"""One DVC cache for all work trees of a repository, wherever its Git directory lies.

DVC's cache lies in `.dvc/cache` of each work tree, so a linked one would fetch everything again, and take what is not
uploaded yet with it when it is removed. It gets the cache of the main work tree. Where there is none (in a bare
repository), it cannot be found from Git's directory, or Git may remove it (a submodule's), that directory holds the
cache of all of them, in `dvc/`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cpv_hooks import state_files
from cpv_hooks.dvcformat.dvc_config import facts_of
from cpv_hooks.dvcformat.dvc_config_files import dvc_config_text, private_settings
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.project.submodule_cache import move_into_git
from cpv_hooks.system.atomic_files import write_atomic
from cpv_hooks.system.hard_links import link_or_copy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cpv_hooks.dvcformat.cache import Cache


def share_caches(repo: Repo, projects: list[Project]) -> list[Project]:
    """Let the DVC roots of this work tree use the repository's cache, where their own settings name none.

    Returns the projects as they are then. What their own caches hold is in the shared one afterwards too. A new linked
    work tree gets the main one's private settings (`config.local`) as well.
    """
    return [_sharing(repo, project) for project in projects]


def _sharing(repo: Repo, project: Project) -> Project:
    own = project.root.resolve() / ".dvc" / "cache"
    in_git = repo.common_dir / "dvc" / project.prefix / "cache"
    inside = not repo.linked and repo.is_submodule
    behind = None
    if project.cache_dir not in (own, in_git) and (repo.linked or inside) and _is_left_behind(repo, project):
        behind = project.cache_dir
    if project.cache_dir not in (own, behind) or not (repo.linked or inside or in_git.is_dir()):
        return project
    main = _main_root(repo, project) if repo.linked else None
    home = in_git
    if main is not None and not in_git.is_dir():
        home = Path(facts_of(main, repo.shared).cache_dir)
    settings = _naming(project.root, home, main, behind)
    if settings is None or (inside and not move_into_git(own, home)):
        return project
    # Before DVC is told: after a kill, what is not there yet is still found where it was.
    _take_over(behind or own, home)
    write_atomic(project.root / ".dvc" / "config.local", settings, mode=0o600)
    return Project.open(repo, project.root)


def _is_left_behind(repo: Repo, project: Project) -> bool:
    """Whether the cache that a linked work tree names is where the main one, or Git's directory, lay before it was
    moved or copied: nothing is there, or something of another repository."""
    named, common = str(project.cache_dir), repo.common_dir
    for tail in (f"/{project.prefix}.dvc/cache", f"/dvc/{project.prefix}cache"):
        if named.endswith(tail):
            top = Path(named.removesuffix(tail))
            if _belongs(top / ".git", common) or (top.exists() and os.path.samefile(top, common)):
                return False
            return not os.path.lexists(named) or str(top / project.prefix) in _noted_roots(repo)
    return False


def _main_root(repo: Repo, project: Project) -> Path | None:
    """The same DVC root in the main work tree; None where that is not there, or has no such root now."""
    top = main_top(repo)
    root = top / project.prefix if top is not None else None
    return root if root is not None and (root / ".dvc").is_dir() else None


def main_top(repo: Repo) -> Path | None:
    """The main work tree of a linked one; None where there is none, or nobody can tell."""
    common = repo.common_dir
    for name in ("config.worktree", "config"):
        configured = repo.run("config", "--file", str(common / name), "--get", "core.worktree", check=False).rstrip(
            "\n"
        )
        if configured:  # as in a submodule: relative to the Git directory
            return Path(os.path.normpath(common / configured))
    # Of `git init --separate-git-dir` Git itself knows only the way from the work tree to its directory; CPV has noted
    # the folders in which it was at work.
    noted = [Path(root) for root in _noted_roots(repo)]
    tops = [common.parent, *(folder for root in noted for folder in (root, *root.parents))]
    return next((top for top in tops if _belongs(top / ".git", common)), None)


def listed_top(repo: Repo, listed: str) -> Path:
    """The work tree that `git worktree list` means: for the main one it names Git's directory, where that does not lie
    in it (a submodule, `git init --separate-git-dir`)."""
    if not os.path.isdir(listed) or not os.path.samefile(listed, repo.common_dir):
        return Path(listed)
    return (main_top(repo) if repo.linked else repo.top) or Path(listed)


def _noted_roots(repo: Repo) -> list[str]:

    try:
        return list(state_files.read_json(repo.shared / state_files.PROJECTS))
    except (OSError, ValueError):
        return []


def _belongs(dot_git: Path, common: Path) -> bool:
    """Whether a `.git` is, or names, the repository's Git directory, and it is no bare one."""
    try:
        if dot_git.is_dir():
            # A bare repository in a folder called `.git`, beside its work trees, has no index.
            return os.path.samefile(dot_git, common) and (common / "index").exists()
        text = dot_git.read_text(encoding="utf-8", errors="surrogateescape")
        return os.path.samefile(dot_git.parent / text.removeprefix("gitdir:").strip(), common)
    except OSError:
        return False


def _naming(root: Path, home: Path, main: Path | None, behind: Path | None) -> bytes | None:
    """A root's `config.local` with the cache in it; None where that names another than what was left behind."""
    from configobj import ConfigObj  # type: ignore[import-untyped]

    local = root / ".dvc" / "config.local"
    settings = ConfigObj(str(local), encoding="utf-8") if local.exists() else private_settings(main and main / ".dvc")
    section = settings.setdefault("cache", {})
    if (local.exists() or behind) and section.get("dir") != (str(behind) if behind else None):
        return None
    section["dir"] = str(home)
    return dvc_config_text(settings)


def _take_over(own: Path, home: Path) -> None:
    """Let the shared cache have what a work tree's own one holds; that stays, because links may lead into it."""
    from cpv_hooks.dvcformat.cache import Cache

    for legacy, pattern in ((False, "files/md5/??/*"), (True, "??/*")):
        _take_objects(Cache(home, legacy=legacy), Cache(own, legacy=legacy), own.glob(pattern))


def _take_objects(cache: Cache, before: Cache, objects: Iterable[Path]) -> None:
    for path in objects:
        oid = path.parent.name + path.name
        file = before.find(oid) if not cache.has(oid) else None
        if file is not None:
            temporary = cache.temporary()
            try:
                link_or_copy(file, temporary)
                cache.adopt(temporary, oid)
            finally:
                temporary.unlink(missing_ok=True)
