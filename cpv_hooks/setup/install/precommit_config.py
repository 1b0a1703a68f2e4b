"""The configuration of the pre-commit framework, or of prek, as far as CPV's shims care."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.git.hook_names import FRAMEWORKS, STAGES
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.atomic_files import write_atomic


def note_stages(repo: Repo) -> None:
    """Note for the shims in which stages no configuration holds anything but CPV's own hooks.

    Running pre-commit there would cost 200 ms to find that out.
    """
    stages = [set(only_cpv(path)) for path in _configs(repo)]
    mark = repo.state / state_files.ONLY_CPV
    if not stages:
        mark.unlink(missing_ok=True)
        return
    write_atomic(mark, (" ".join(name for name in STAGES if all(name in one for one in stages)) + "\n").encode())


def _configs(repo: Repo) -> list[Path]:
    """Those that are there, whichever program reads which."""
    names = dict.fromkeys(name for _, *names in FRAMEWORKS.values() for name in names)
    return [path for name in names if (path := repo.top / name).is_file()]


def only_cpv(path: Path) -> list[str]:
    """The stages in which a configuration holds no hooks but CPV's."""
    hooks = _hooks(path)
    foreign = set(STAGES) if hooks is None else {stage for hook in hooks if not _is_own(hook) for stage in hook.stages}
    if "commit" in foreign or ("manual" not in foreign and not foreign <= set(STAGES)):
        foreign |= set(STAGES)  # names of before pre-commit 3.2; be safe
    return [stage for stage in STAGES if stage not in foreign]


def cpv_hooks_in(path: Path, stages: Collection[str]) -> list[str]:
    """The ids of CPV's hooks that a configuration has in these stages."""
    return [hook.name for hook in _hooks(path) or () if _is_own(hook) and not hook.stages.isdisjoint(stages)]


class _Hook(NamedTuple):
    name: str
    stages: frozenset[str]


def _hooks(path: Path) -> list[_Hook] | None:
    import tomllib

    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text) if path.suffix == ".toml" else YAML(typ="safe").load(text) or {}
        hooks = [hook for source in table.get("repos", []) for hook in source.get("hooks", [])]
        default = table.get("default_stages") or list(STAGES)
        return [_Hook(str(hook.get("id", "")), frozenset(hook.get("stages") or default)) for hook in hooks]
    except (OSError, YAMLError, tomllib.TOMLDecodeError, AttributeError, TypeError, UnicodeDecodeError):
        return None


def refresh_stage_note(repo: Repo) -> None:
    """Note them where the shims of this work tree have no note, or an older one than the configuration."""
    mark = repo.state / state_files.ONLY_CPV
    if any(not mark.exists() or mark.stat().st_mtime_ns < config.stat().st_mtime_ns for config in _configs(repo)):
        note_stages(repo)


def _is_own(hook: _Hook) -> bool:
    return hook.name.startswith("cpv-")
