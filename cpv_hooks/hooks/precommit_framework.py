"""The pre-commit framework's configuration, as far as CPV's shims care."""

from __future__ import annotations

import os
from pathlib import Path

from cpv_hooks.dvcformat.pointer import is_pointer_file
from cpv_hooks.git.hook_names import STAGES
from cpv_hooks.git.repo import Repo
from cpv_hooks.system.atomic_files import write_atomic
from cpv_hooks.system.locks import ancestors

PRE_COMMIT_CONFIG = ".pre-commit-config.yaml"


def note_stages(repo: Repo) -> None:
    """Note for the shims in which stages the pre-commit configuration holds nothing but CPV's own hooks.

    Running pre-commit there would cost 200 ms to find that out.
    """
    path = repo.top / PRE_COMMIT_CONFIG
    mark = repo.state / "only-cpv"
    if not path.is_file():
        mark.unlink(missing_ok=True)
        return
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        table = YAML(typ="safe").load(path.read_text(encoding="utf-8")) or {}
        hooks = [hook for source in table.get("repos", []) for hook in source.get("hooks", [])]
        default = table.get("default_stages") or list(STAGES)
        foreign = {stage for hook in hooks if not _is_own(hook) for stage in hook.get("stages") or default}
    except (YAMLError, AttributeError, TypeError, UnicodeDecodeError):
        foreign = set(STAGES)
    if "commit" in foreign or ("manual" not in foreign and not foreign <= set(STAGES)):
        foreign |= set(STAGES)  # names of before pre-commit 3.2; be safe
    write_atomic(mark, (" ".join(stage for stage in STAGES if stage not in foreign) + "\n").encode())


def _is_own(hook: dict[str, object]) -> bool:
    return str(hook.get("id", "")).startswith("cpv-")


def runs_us() -> bool:
    """Whether the pre-commit framework started this hook."""
    return "PRE_COMMIT" in os.environ


def set_aside(repo: Repo) -> list[str]:
    """The pointer files whose unstaged changes pre-commit has taken out of the work tree while its hooks run.

    It keeps them in `patch<time>-<its process id>` in its own folder (`pre_commit.staged_files_only`).
    """
    folder = Path(
        os.environ.get("PRE_COMMIT_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "pre-commit")
    )
    found: set[str] = set()
    for process in ancestors():
        for patch in folder.expanduser().glob(f"patch*-{process}"):
            # Lines `ADDED<TAB>REMOVED<TAB>PATH`, NUL-terminated (git-apply(1), --numstat -z).
            listed = repo.run("apply", "--numstat", "-z", str(patch), check=False).split("\0")
            found.update(line.split("\t")[-1] for line in listed if line)
    return sorted(name for name in found if is_pointer_file(name))
