"""The commit at the end of `dvc cpv init`: a new repository's first checkpoint, or CPV's files in one that is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from cpv_hooks.console.plan import Step
from cpv_hooks.dvcformat import artifacts_section
from cpv_hooks.errors import CPVError, git_words, shell_word
from cpv_hooks.git import signing
from cpv_hooks.git.hook_names import PRE_COMMIT_CONFIG
from cpv_hooks.git.index import literal
from cpv_hooks.project.config import FILE
from cpv_hooks.setup.init import remote
from cpv_hooks.setup.init.model_repository import InitRequest, NewRepository, finish, run_command, step

FIRST_MESSAGE = "Start {model} with CPV"
ADOPT_MESSAGE = "Version checkpoints with CPV"
# What an adoption writes and commits, relative to the DVC root or the top.
_DVC_FILES = (".dvc/.gitignore", ".dvc/config", ".dvcignore")


def first_commit_steps(place: NewRepository, request: InitRequest, before: Sequence[Step]) -> Iterator[Step]:
    """The commit, where there is something to commit after these steps."""
    if place.fresh:
        message = FIRST_MESSAGE.format(model=request.model)
        url = remote.default_or_configured(place.root, request.remote, request.team, request.model)
        effects = f"its hooks save model.bin, data and metrics.log to {url} and tag v0.0 and data-v0.0"
        yield step(f"git commit -m {shell_word(message)} ({effects})", partial(_commit_fresh, place, message))
    elif _uncommitted(place) or any(one.effect.text.startswith("write ") for one in before):
        yield step(f"git commit -m {shell_word(ADOPT_MESSAGE)} (CPV's own files)", partial(_commit_adopted, place))


def _commit_fresh(place: NewRepository, message: str) -> None:
    """The first checkpoint, made as every later one is: by `git commit` and the hooks."""
    repo = place.repo
    run_command(["git", "add", "--", *literal([place.root])], place.root, hooks=True)
    pre_commit = repo.top / PRE_COMMIT_CONFIG
    if pre_commit.exists():
        run_command(["git", "add", "--", *literal([pre_commit])], place.root, hooks=True)
    # A folder of a larger repository: what the user has staged elsewhere stays staged.
    only = (
        [] if repo.top == place.root else ["--", *literal([place.root, *([pre_commit] if pre_commit.exists() else [])])]
    )
    with signing.commit_options(repo) as (words, settings):
        run_command(["git", "commit", "-q", *words, "-m", message, *only], place.root, hooks=True, env=settings)
    finish(place)


def own_files(place: NewRepository) -> list[Path]:
    """CPV's and DVC's settings, absolute: all that an adoption writes, there or not yet."""
    top = place.top or place.root
    return [*(place.root / name for name in (*_DVC_FILES, FILE, artifacts_section.FILE)), top / PRE_COMMIT_CONFIG]


def _to_commit(place: NewRepository) -> list[Path]:
    """Those files that an adoption commits; a `dvc.yaml` that names no model is the user's."""
    file = place.root / artifacts_section.FILE
    is_ours = file.exists() and artifacts_section.has_section(file.read_text(encoding="utf-8"))
    return [path for path in own_files(place) if path != file or is_ours]


def _uncommitted(place: NewRepository) -> bool:
    """Whether some of these files are missing, or changed and not committed (by a run that was killed)."""
    files = _to_commit(place)
    if place.top is None or not all(path.exists() for path in files):
        return True
    return bool(place.repo.run("status", "--porcelain", "--untracked-files=all", "--", *literal(files)))


def _commit_adopted(place: NewRepository) -> None:
    repo = place.repo
    files = literal(path for path in _to_commit(place) if path.exists())
    repo.run("add", "--", *files)
    if repo.run("status", "--porcelain", "--", *files):
        # By name: what the user has staged or changed elsewhere is not ours to commit.
        with signing.commit_options(repo) as (words, settings):
            repo.run("commit", "-q", *words, "-m", ADOPT_MESSAGE, "--", *files, env=settings)


def check_clean(place: NewRepository) -> None:
    """Refuse where a file that an adoption changes holds work of the user's that is not committed."""
    if place.top is None or place.fresh:
        return
    tracked = literal(own_files(place))
    listed = place.repo.run("diff", "--name-only", "-z", "HEAD", "--", *tracked, check=False)
    changed = [file for file in listed.split("\0") if file]
    if changed:
        fix = f"git commit -m 'Settings' -- {git_words(changed)}"
        raise CPVError("has uncommitted changes, which CPV's own commit would take", where=changed[0], fix=fix)
