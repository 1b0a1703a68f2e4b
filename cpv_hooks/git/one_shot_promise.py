"""Whether HEAD is sure to be back before anybody sees it: what can end `git commit`, wait, or look, inside the detour.

What Git does between its pre-commit and its prepare-commit-msg hook is `prepare_to_commit` in its `builtin/commit.c`:
it looks up what `--squash` and `--fixup` name, reads the message, opens `COMMIT_EDITMSG`, and adds trailers.
"""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.git import commit_words, hooks_in_place
from cpv_hooks.git.caller import GitProcess
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple

_OPENS, _ENDS = "pre-commit", "prepare-commit-msg"
_FOLDER = "core.hookspath"


class Obstacle(NamedTuple):
    """Why a commit cannot be made in one shot; `git_ends`: over it Git ends by itself, and gives its own reason."""

    why: str
    is_commit: bool = True
    git_ends: bool = False


def unpromised(repo: Repo, git: GitProcess | None) -> Obstacle | None:
    """Why nobody can promise it; None where HEAD will be back."""
    return next(_doubts(repo, git), None)


def configured(repo: Repo, *events: str) -> tuple[str, str] | None:
    """A hook that Git's configuration gives to one of these events, `git -c` included: its name, and the event.

    From Git 2.54 on these run beside the hooks of the folder, before them, and also after one of them failed.
    """
    return _configured(repo, _hook_settings(repo), events)


def _hook_settings(repo: Repo) -> list[tuple[str, str]]:
    """Git's settings that name hooks, or the folder in which they lie."""
    listed = repo.run("config", "-z", "--get-regexp", r"^(hook\..*\.event|core\.hookspath)$", check=False).split("\0")
    return [(key, value) for key, _, value in (line.partition("\n") for line in listed if line)]


def _configured(repo: Repo, settings: list[tuple[str, str]], events: Sequence[str]) -> tuple[str, str] | None:
    given: dict[str, list[str]] = {}
    for key, value in settings:
        if key == _FOLDER:
            continue
        name = key.removeprefix("hook.").removesuffix(".event")
        given[name] = [*given.get(name, []), value] if value else []
    for event, name in ((event, name) for event in events for name, own in given.items() if event in own):
        if repo.run("config", "--type=bool", "--get", f"hook.{name}.enabled", check=False).strip() != "false":
            return f"hook.{name}", event
    return None


def _doubts(repo: Repo, git: GitProcess | None) -> Iterator[Obstacle]:
    settings = _hook_settings(repo)
    if found := _configured(repo, settings, (_OPENS, _ENDS)):
        yield Obstacle("{} is configured for {}".format(*found))
    yield from _other_runners(repo, elsewhere=any(key == _FOLDER for key, _ in settings))
    options = commit_words.option_values(git.words[1:]) if git else {}
    for option in ("squash", "fixup"):
        yield from _lookups(repo, option, options.get(option, []))
    yield from _messages(repo, git, options)
    if (repo.git_dir / "COMMIT_EDITMSG").is_dir():
        yield Obstacle(f"{repo.git_dir / 'COMMIT_EDITMSG'} is a folder", git_ends=True)
    yield from _trailers(repo, options.get("trailer", []))


def _other_runners(repo: Repo, *, elsewhere: bool) -> Iterator[Obstacle]:
    """A hook manager in front of CPV's shims runs other hooks after them, inside the detour."""
    only_cpv = (hooks_in_place.read_small_file(repo.state / state_files.ONLY_CPV) or "").split()
    front = hooks_in_place.hooks_folder(repo) if elsewhere else repo.common_dir / "hooks"
    if not hooks_in_place.is_shim(front / _OPENS) and _OPENS not in only_cpv:
        yield Obstacle("other pre-commit hooks run beside CPV's")
    if hooks_in_place.runs_cpv(front / _ENDS):
        return
    if not hooks_in_place.by_framework(repo, front / _ENDS):
        yield Obstacle("Git does not run CPV's prepare-commit-msg hook")
    elif _ENDS not in only_cpv:
        yield Obstacle("other prepare-commit-msg hooks run beside CPV's")


def _lookups(repo: Repo, option: str, given: Sequence[str]) -> Iterator[Obstacle]:
    for value in given[-1:]:
        head, colon, tail = value.partition(":")
        rev = tail if option == "fixup" and colon and head in ("amend", "reword") else value
        if repo.resolve(rev) is None:
            yield Obstacle(f"--{option}={value} names no commit", git_ends=True)
        elif rev.startswith(("@{", "HEAD@{")) and not rev.startswith("@{-"):
            yield Obstacle(f"--{option}={value} depends on the branch that HEAD names")


def _messages(repo: Repo, git: GitProcess | None, options: Mapping[str, Sequence[str]]) -> Iterator[Obstacle]:
    """The file that Git reads the message from; the first of these that is there (`-m` goes before all)."""
    start = os.path.join(repo.top, os.environ.get("GIT_PREFIX", ""))
    if "message" in options and "fixup" not in options:
        return
    if file := options.get("file", [""])[-1]:
        yield from _unready(file, Path("/dev/stdin") if file == "-" else Path(start, file), git)
    elif not options.keys() & {"reuse-message", "reedit-message", "fixup"}:
        kept = [path for name in ("SQUASH_MSG", "MERGE_MSG") if (path := repo.git_dir / name).exists()]
        for path in kept:
            yield from _unready(str(path), path, git)
        if not kept and (given := options.get("template", [""])[-1]):
            yield from _unready(given, Path(start, given), git)
        elif not kept and (asked := repo.run("config", "--type=path", "--get", "commit.template", check=False)[:-1]):
            yield from _unready(asked, repo.top / asked, git)


def _unready(name: str, path: Path, git: GitProcess | None) -> Iterator[Obstacle]:
    opened = _opened_by(git, path)
    try:
        mode = os.stat(opened or path).st_mode
    except OSError:
        mode = 0
    if opened is not None and stat.S_ISFIFO(mode):
        # Nobody holds its other end any more: what was written is all, and Git will not wait.
        if not _is_written(opened):
            yield Obstacle(f"the message ({name}) is still being written")
    elif opened is not None and stat.S_ISCHR(mode) and os.path.realpath(opened) != os.devnull:
        yield Obstacle(f"the message ({name}) is still being written")
    elif opened is None and not (stat.S_ISREG(mode) and os.access(path, os.R_OK)):
        is_kind = mode and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
        yield Obstacle(f"{name} is no regular file") if is_kind else Obstacle(f"{name} cannot be read", git_ends=True)
    elif opened is not None and not (stat.S_ISREG(mode) or stat.S_ISCHR(mode)):
        yield Obstacle(f"the message ({name}) cannot be looked at before Git reads it")


def _opened_by(git: GitProcess | None, path: Path) -> Path | None:
    """The file that the Git process has open under this name (`/dev/stdin`, `/dev/fd/63`); None for another name."""
    number = {"/dev/stdin": "0"}.get(str(path), path.name)
    if str(path) != "/dev/stdin" and str(path.parent) not in ("/dev/fd", "/proc/self/fd"):
        return None
    return Path(f"/proc/{git.pid if git else 'self'}/fd/{number}")


def _is_written(pipe: Path) -> bool:
    try:
        descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return any(event & select.POLLHUP for _, event in poll.poll(0))
    finally:
        os.close(descriptor)


def _trailers(repo: Repo, given: Sequence[str]) -> Iterator[Obstacle]:
    if not given:
        return
    for key in repo.run("config", "--name-only", "--get-regexp", r"^trailer\..*\.(cmd|command)$", check=False).split():
        yield Obstacle(f"{key} is a command that --trailer runs")
    words = [word for value in given for word in ("--trailer", value)]
    if not repo.ok("interpret-trailers", *words):
        yield Obstacle("Git does not take a --trailer", git_ends=True)
