"""Artifacts that have no pointer yet: what the patterns of `.cpv.toml` name and the work tree holds."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from cpv_hooks.dvcformat.pointer import Pointer, is_pointer_file
from cpv_hooks.errors import CPVError, file_word, git_word, shell_word
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.config import FILE as CONFIG
from cpv_hooks.project.project import Project, is_pattern

_SETTINGS = frozenset(
    {".git", ".gitattributes", ".gitignore", ".gitkeep", ".gitmodules", ".dvcignore", "dvc.yaml", CONFIG}
)


class New(NamedTuple):
    """Pointers still to be written, and what to say of paths that cannot have one, or only a hidden one."""

    pointers: list[Pointer]
    errors: list[CPVError]
    ignored: list[CPVError]


def new_artifacts(repo: Repo, project: Project, known: Collection[str], covered: Collection[str]) -> New:
    """What `.cpv.toml` names and has no pointer.

    Of `known` paths the sync decides, and those that overlap `covered` ones belong to these.
    """
    named = _named(project)
    candidates = sorted(path for path in named if path not in known and not overlaps(path, covered))
    if not candidates:
        return New([], [], [])
    from cpv_hooks.dvcformat.dvcignore import is_dvcignored
    from cpv_hooks.git.gitignore import hidden

    without = {path for path in candidates if is_dvcignored(project.root, repo.top / path)}
    # What a pattern finds may be left out so; what is named outright is meant.
    unseen = [_hidden_from_dvc(path) for path in sorted(without) if named[path]]
    candidates = [path for path in candidates if path not in without]
    if not candidates:
        return New([], [], unseen)
    candidates = _told_apart(repo, candidates, covered)
    tracked = repo.run("ls-files", "-z", "--", *(f":(literal){path}" for path in candidates)).split("\0")
    outputs = _stage_outputs(repo, project)
    candidates = [path for path in candidates if path not in outputs]
    refused = {path: error for path in candidates if (error := _refusal(path, tracked))}
    files = {f"{path}.dvc": path for path in candidates if path not in refused}
    ignored = hidden(repo, files)
    pointers = [Pointer(file=file, path=path, oid=None) for file, path in files.items() if file not in ignored]
    return New(pointers, list(refused.values()), [*ignored.values(), *unseen])


def _hidden_from_dvc(path: str) -> CPVError:
    what = f"{CONFIG} names it and .dvcignore hides it, so DVC cannot have it and no commit does"
    return CPVError(what, where=path, fix=f"take it out of one of the two files: .dvcignore or {CONFIG}")


def _told_apart(repo: Repo, candidates: list[str], covered: Collection[str]) -> list[str]:
    """Those which are no other spelling of an artifact that has a pointer, where the disk takes both for one."""
    from cpv_hooks.system.alike_names import alike, tells_apart

    if tells_apart(repo.top):
        return candidates
    other = alike(candidates, sorted(covered))
    return [path for path in candidates if path not in other]


def tracked_by_git(path: str) -> CPVError:
    fix = f"git rm -r --cached {git_word(path)} && git commit -m {shell_word(f'Track {path} with DVC')}"
    return CPVError("is tracked by Git itself, so DVC cannot have it", where=path, fix=fix)


def _refusal(path: str, tracked: Collection[str]) -> CPVError | None:
    if any(name == path or name.startswith(path + "/") for name in tracked):
        return tracked_by_git(path)
    if "\n" in path:
        return CPVError("an artifact's name cannot hold a newline", where=repr(path), fix="rename it")
    return None


def _named(project: Project) -> dict[str, bool]:
    """What `.cpv.toml` names and the work tree holds, and whether by its own name, not by a pattern alone."""
    found: dict[str, bool] = {}
    for pattern in (pattern for patterns in project.config.artifacts.values() for pattern in patterns):
        is_plain = not is_pattern(pattern)
        for path in [project.root / pattern] if is_plain else project.root.glob(pattern):
            if _is_content(path):
                name = posixpath.join(project.prefix, path.relative_to(project.root).as_posix())
                found[name] = found.get(name, False) or is_plain
    return found


def _is_content(path: Path) -> bool:
    """Whether there is something of the user's: a glob finds Git's, DVC's and CPV's own files as well, such as the
    `.gitignore` that is written beside an artifact."""
    if is_pointer_file(path.name) or path.name in _SETTINGS or ".dvc" in path.parts:
        return False
    return path.is_file() or path.is_dir()


def part_of_others(projects: Iterable[Project], paths: Collection[str]) -> Iterator[CPVError]:
    """What `.cpv.toml` names outright and never is an artifact, because it lies in one of these."""
    for project in projects:
        plain = {item for kind in project.config.artifacts.values() for item in kind if not is_pattern(item)}
        for path in sorted(posixpath.join(project.prefix, posixpath.normpath(item)) for item in plain):
            for other in sorted(one for one in paths if path.startswith(f"{one}/")):
                fix = f"take it out of {CONFIG}, or dvc remove {file_word(other + '.dvc')}"
                yield CPVError(f"lies in the artifact {other}, so it is not versioned by itself", where=path, fix=fix)


def overlaps(path: str, paths: Iterable[str]) -> bool:
    """Whether a path is one of these, lies in one, or holds one."""
    return any(path == known or path.startswith(known + "/") or known.startswith(path + "/") for known in paths)


def _stage_outputs(repo: Repo, project: Project) -> set[str]:
    """What the stages of `dvc.yaml` write, whether they ran or not: it belongs to `dvc repro`."""
    file = project.root / "dvc.yaml"
    if not file.is_file():
        return set()
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        table = YAML(typ="safe").load(file.read_text(encoding="utf-8")) or {}
        stages = table.get("stages", {}).values()
    except (YAMLError, OSError, UnicodeDecodeError, AttributeError):
        return set()
    found: set[str] = set()
    for stage in stages:
        stage = stage.get("do", stage) if isinstance(stage, dict) else {}
        for section in ("outs", "metrics", "plots"):
            for out in stage.get(section) or []:
                name = next(iter(out), "") if isinstance(out, dict) else str(out)
                found.add(posixpath.normpath(posixpath.join(project.prefix, str(stage.get("wdir") or "."), str(name))))
    return found
