"""`dvc cpv init`: a new model repository, or CPV in one that is there.

Everything is decided before anything is done: `plan_init` gives the steps, each with the text that `--dry-run` prints.
A step that has been done is not in the plan, so a second run, or one after a kill, does what is left.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from cpv_hooks.console.output import say
from cpv_hooks.console.plan import Step
from cpv_hooks.errors import CPVError, pathspec_word, shell_path, shell_word
from cpv_hooks.git import hooks_in_place
from cpv_hooks.git.git_version import check_git_version
from cpv_hooks.git.index import literal
from cpv_hooks.git.no_repository import NoRepository
from cpv_hooks.git.repo import Repo, environment
from cpv_hooks.project.config_file import load_config
from cpv_hooks.project.names import NAME, check_name, check_same
from cpv_hooks.recovery import transaction
from cpv_hooks.setup.init import layout as init_layout
from cpv_hooks.setup.init import remote as init_remote
from cpv_hooks.setup.init.model_repository import InitRequest, NewRepository, existing, mark_of

_COMMAND = "dvc cpv init"


def locate_place(path: Path | None, model: str | None, cwd: Path) -> NewRepository:
    """Find the place that the arguments mean; `cwd` is the folder in which the command was given.

    Without a path: the DVC root or Git repository around `cwd`; outside of one, `./MODEL`, as the specification
    has it, or `cwd` itself where it is empty.
    """
    here = Path(os.path.realpath(cwd))
    target = Path(os.path.realpath(here / path)) if path is not None else here
    top = _top(target)
    if path is not None:
        root = target
    elif top is not None:
        around = [folder for folder in [here, *here.parents] if folder.is_relative_to(top)]
        root = next((folder for folder in around if (folder / ".dvc").is_dir()), top)
    elif model is not None:
        root = here / check_name("model", model)
    elif _entries(here):
        raise CPVError("this folder is not empty and is not a Git repository", where=str(here), fix=f"{_COMMAND} MODEL")
    else:
        root = here
    _check_root(root)
    return NewRepository(root, top, fresh=not _entries(root) or (top is not None and mark_of(root).exists()))


def _check_root(root: Path) -> None:
    fix = f"{_COMMAND} ANOTHER-PATH"
    taken = next((path for path in (root, *root.parents) if path.exists() and not path.is_dir()), None)
    if taken is not None:
        raise CPVError("there is a file of that name", where=str(taken), fix=fix)
    if {".git", ".dvc"} & {part.lower() for part in root.parts}:
        raise CPVError("a folder of Git's or DVC's own", where=str(root), fix=fix)


def _top(path: Path) -> Path | None:
    """The top of the Git work tree that holds a path, which need not exist yet."""
    folder = existing(path)
    try:
        return Path(os.path.realpath(Repo.discover(folder).top))
    except NoRepository:
        ask = ["git", "rev-parse", "--is-inside-git-dir"]
        if subprocess.run(ask, cwd=folder, env=environment(), capture_output=True, check=False).stdout == b"true\n":
            raise CPVError("a bare repository or a Git directory", where=str(folder), fix="git clone it") from None
        return None


def _entries(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name != ".git"] if folder.is_dir() else []


def existing_names(place: NewRepository) -> tuple[str | None, str | None]:
    """Team and model as the place itself says: its `.cpv.toml`, or its name for a model."""
    config = load_config(place.root)
    name = place.root.name
    return config.team, config.model or (name if NAME.fullmatch(name) else None)


def check_request(place: NewRepository, request: InitRequest) -> None:
    """Refuse what cannot end well, before anything is changed."""
    check_git_version(existing(place.root))
    check_name("team", request.team)
    check_name("model", request.model)
    if place.top is not None and (operation := place.repo.under_way()):
        fix = f"finish it (git {operation} --continue) or git {operation} --abort"
        raise CPVError(f"a {operation} is under way", where=str(place.top), fix=fix)
    config = load_config(place.root)
    check_same(place.root, "team", config.team, request.team)
    check_same(place.root, "model", config.model, request.model)
    _check_object_format(place)
    _check_identity(place)
    _check_data(place, request.data_path)
    init_remote.check_remote_url(place.root, request.remote)
    init_layout.check_layout(place.root, request.layout, request.remote)


def _check_object_format(place: NewRepository) -> None:
    found = place.repo.config("extensions.objectformat") if place.top is not None else None
    if found not in (None, "sha1"):
        what = f"Git names the objects of this repository by {found}, and DVC cannot read it (unknown object format)"
        fix = f"{_COMMAND} in a repository of its own (git init --object-format=sha1)"
        raise CPVError(what, where=str(place.top), fix=fix)


def _check_identity(place: NewRepository) -> None:
    folder = existing(place.root)
    done = subprocess.run(
        ["git", "var", "GIT_AUTHOR_IDENT"], cwd=folder, env=environment(), capture_output=True, check=False
    )
    if done.returncode:
        fix = "git config --global user.name YOU && git config --global user.email YOU@EXAMPLE.COM"
        raise CPVError("Git does not know who you are", fix=fix)


def _check_data(place: NewRepository, data_path: str | None) -> None:
    if data_path is None:
        return
    if not data_path or "\0" in data_path:
        raise CPVError("the data path is empty or no path", fix=f"{_COMMAND} --data-path DATA")
    path = Path(os.path.realpath(data_path))
    if not path.exists():
        raise CPVError("no such file or folder", where=data_path, fix=f"{_COMMAND} --data-path AN-EXISTING-PATH")
    if not (path.is_file() or path.is_dir()):
        raise CPVError("neither a file nor a folder", where=data_path, fix=f"{_COMMAND} --data-path DATA")
    if place.root.is_relative_to(path):
        raise CPVError("the data path holds the repository itself", where=data_path, fix=f"{_COMMAND} --data-path DATA")
    if not place.fresh and not path.is_relative_to(place.root):
        fix = f"cp -r {shell_path(data_path)} {shell_path(place.root / 'data')} && {_COMMAND} --data-path data"
        raise CPVError("the data is outside the repository", where=data_path, fix=fix)
    if not place.fresh and place.top and place.repo.run("ls-files", "--", *literal([path])):
        message = shell_word(f"Track {data_path} with DVC")
        fix = f"git rm -r --cached {pathspec_word(data_path)} && git commit -m {message}"
        raise CPVError("Git itself tracks this data, so DVC cannot have it", where=data_path, fix=fix)


def plan_init(place: NewRepository, request: InitRequest) -> list[Step]:
    """The steps that are left to do, in their order; none where everything is there."""
    from cpv_hooks.setup.init import first_commit
    from cpv_hooks.setup.init import steps as init_steps

    if place.top is not None:
        transaction.recover(place.repo)  # an installation that was killed is no installation
    check_request(place, request)
    first_commit.check_clean(place)
    return init_steps.init_steps(place, request)


def carry_out(place: NewRepository, steps: Sequence[Step]) -> None:
    """Do the steps, and say each one. Where one fails, all that they made is taken back."""
    from cpv_hooks.setup.init.first_commit import own_files
    from cpv_hooks.setup.init.undo_failed import undone_where_it_fails

    with undone_where_it_fails(place, own_files(place)):
        for step in steps:
            say(step.effect.text)
            step.do()
        if steps:
            hooks_in_place.check_hooks(place.repo)  # noted now, so that the next command finds nothing to write
