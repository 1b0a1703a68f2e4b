"""Linked work trees share the cache, and the private settings, of the main one."""

from __future__ import annotations

from pathlib import Path

from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project, managed_roots


def share_cache(repo: Repo) -> None:
    """Give a new linked work tree the main one's DVC cache and `config.local`, where it has no cache of its own.

    DVC's cache lies in `.dvc/cache` of each work tree, so a new one starts empty and would fetch everything again.
    """
    if not repo.linked or repo.common_dir.name != ".git":
        return
    main = repo.common_dir.parent
    for root in managed_roots(repo):
        original = main / root.relative_to(repo.top)
        local = root / ".dvc" / "config.local"
        if local.exists() or not (original / ".dvc").is_dir():
            continue
        _write_local(local, original, Project.open(repo, root))


def _write_local(local: Path, original: Path, project: Project) -> None:
    from configobj import ConfigObj  # type: ignore[import-untyped]

    theirs = original / ".dvc" / "config.local"
    settings = ConfigObj(str(theirs)) if theirs.exists() else ConfigObj()
    if project.cache_dir == project.root.resolve() / ".dvc" / "cache":
        settings.setdefault("cache", {})["dir"] = str(original / ".dvc" / "cache")
    settings.filename = str(local)
    local.touch(mode=0o600)
    settings.write()
