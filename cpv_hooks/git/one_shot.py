"""The one-shot detour: a plain `git commit` of nothing but data, in one go.

Git decides "nothing to commit" by comparing HEAD with the index that it read *before* the pre-commit hook ran, so what
the hook stages comes too late. The detour lets HEAD name, for the moment of that comparison, a commit T that has the
new tree and the parents of HEAD: the old index differs from T, Git goes on, reads the index again, and
prepare-commit-msg points HEAD back before Git writes the commit on the original parent.

HEAD is written by the protocol of Git's files backend (`HEAD.lock`, then rename), so no reflog line appears. What HEAD
said is in a file that is durable before HEAD changes; a Git that dies inside is healed by a small process that waits
for it, or, should that die too, by the next hook.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cpv_hooks import state_files
from cpv_hooks.errors import CPVError
from cpv_hooks.git.caller import GitProcess, calling_git
from cpv_hooks.git.repo import Repo
from cpv_hooks.system.atomic_files import is_shared, new_file, write_atomic

if TYPE_CHECKING:
    from cpv_hooks.git.one_shot_promise import Obstacle

# Of this work tree alone (`refs/worktree/` is per work tree), so that two of them can commit at the same time.
PENDING = "refs/worktree/cpv/pending"
_POLL = 0.02  # seconds
_SHARED = "shared"
"""In the record of a detour: the shim cannot give HEAD the mode that it must have, and leaves it to Python."""
_UNHOOKED = ("-c", "core.hooksPath=/dev/null")
_IDENTITY = {
    "GIT_AUTHOR_NAME": "cpv",
    "GIT_AUTHOR_EMAIL": "cpv@localhost",
    "GIT_COMMITTER_NAME": "cpv",
    "GIT_COMMITTER_EMAIL": "cpv@localhost",
}


def obstacle(repo: Repo) -> Obstacle | None:
    """Why a detour cannot be taken here and now; None where it can."""
    from cpv_hooks.git.one_shot_promise import Obstacle, unpromised  # every hook reads this file, to heal

    git = calling_git()
    if "GIT_INDEX_FILE" not in os.environ or (git is not None and git.command != "commit"):
        return Obstacle("this is not `git commit`", is_commit=False)
    if repo.under_way():
        return Obstacle(f"a {repo.under_way()} is under way")
    if not _head_text(repo).startswith("ref: refs/heads/"):
        return Obstacle("HEAD is detached")
    if (repo.common_dir / "reftable").is_dir():
        return Obstacle("the refs are not stored in files")
    if not repo.ok("var", "GIT_COMMITTER_IDENT"):
        return Obstacle("Git does not know who commits")
    return unpromised(repo, git)


def open_detour(repo: Repo) -> None:
    """Point HEAD at a commit with nearly the tree of the index that is being committed.

    One of its pointers is executable there: where the index was empty Git reads it again before it compares, and would
    find nothing to commit against the very same tree.
    """

    commit = _commit(repo, _tree_unlike_any_index(repo))
    git = calling_git()
    write_atomic(_pending(repo), f"{commit}\n".encode())
    # The first line is the shim's of prepare-commit-msg, which closes the detour where nothing is amiss.
    record = [_head_text(repo).rstrip("\n"), str(git.pid if git else ""), _SHARED if is_shared(str(repo.state)) else ""]
    write_atomic(_file(repo), "".join(f"{line}\n" for line in record).encode(), durable=True)
    if git is not None:
        _leave_watcher(repo, git)
    _write_head(repo, f"ref: {PENDING}\n")


def _commit(repo: Repo, tree: str) -> str:
    """HEAD with another tree: options such as --fixup=HEAD and -C HEAD read its message and its author."""
    try:
        header, _, message = repo.run("cat-file", "commit", "HEAD").partition("\n\n")
    except CPVError:
        if repo.resolve("HEAD") is not None:
            raise
        return repo.run("commit-tree", tree, input="CPV: one-shot commit under way\n", env=_IDENTITY).strip()
    lines = [f"tree {tree}", *re.findall(r"(?m)^(?:parent|author|committer|encoding) .*$", header)]
    text = "\n".join(lines) + f"\n\n{message}"
    return repo.run("hash-object", "-t", "commit", "-w", "--stdin", input=text).strip()


def _tree_unlike_any_index(repo: Repo) -> str:
    # Every hook reads this file, to heal; few open a detour.
    from cpv_hooks.dvcformat.pointer import POINTER_FILES, is_pointer_file
    from cpv_hooks.git.index import scratch_index

    listed = repo.run("ls-files", "-s", "-z", "--", *POINTER_FILES, index=True).split("\0")
    entries = (line.partition("\t") for line in listed)
    entry, path = next((head.split(), path) for head, _, path in entries if is_pointer_file(path))
    mode = "100644" if entry[0] == "100755" else "100755"
    with scratch_index(repo.state / state_files.DETOUR_INDEX, Path(os.environ["GIT_INDEX_FILE"])) as env:
        repo.run(*_UNHOOKED, "update-index", "--cacheinfo", f"{mode},{entry[1]},{path}", env=env)
        return repo.run(*_UNHOOKED, "write-tree", env=env).strip()


def close(repo: Repo) -> None:
    """Point HEAD back; nothing where no detour is open."""
    if _head_text(repo) == f"ref: {PENDING}\n":
        head, _ = _record(repo)
        if not head.startswith("ref: refs/heads/"):
            raise CPVError(
                "HEAD was left on CPV's temporary ref, and the name of its branch is lost",
                where=str(repo.git_dir / "HEAD"),
                fix="git symbolic-ref HEAD refs/heads/BRANCH",
            )
        _write_head(repo, f"{head}\n")
    _file(repo).unlink(missing_ok=True)
    _pending(repo).unlink(missing_ok=True)


def heal(repo: Repo) -> bool:
    """Close a detour whose Git process is gone; returns whether there was one."""
    if not _file(repo).exists():
        return False
    _, process = _record(repo)
    serving = calling_git()
    if (
        process
        and GitProcess(process, ()).alive()
        and not (serving and serving.pid == process and serving.command != "commit")
    ):
        return False
    close(repo)
    return True


def _record(repo: Repo) -> tuple[str, int | None]:
    """What HEAD said, and the process of the Git command; nothing where that cannot be read."""
    try:
        head, process, *_ = [*state_files.read_bytes(_file(repo)).decode().split("\n"), ""]
    except (OSError, UnicodeDecodeError):
        return "", None
    return head, int(process) if process.isdecimal() else None


def _file(repo: Repo) -> Path:
    return repo.state / state_files.DETOUR


def _pending(repo: Repo) -> Path:
    """Where Git's files backend keeps the ref; it is ours alone, and no hook asks about it."""
    return repo.git_dir / PENDING


def _head_text(repo: Repo) -> str:
    return (repo.git_dir / "HEAD").read_text(encoding="utf-8")


def _write_head(repo: Repo, text: str) -> None:
    lock = repo.git_dir / "HEAD.lock"
    try:
        descriptor = new_file(lock)
    except FileExistsError:
        what = "HEAD is locked by another Git process"
        raise CPVError(what, where=str(lock), fix="wait for it, then repeat the command") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(lock, repo.git_dir / "HEAD")
    except BaseException:
        lock.unlink(missing_ok=True)
        raise


def _leave_watcher(repo: Repo, git: GitProcess) -> None:
    """Leave a process behind that heals if this Git dies inside the detour (a missing `-F` file is enough).

    It is gone as soon as the detour is closed, some milliseconds later.
    """
    if os.fork():
        return
    status = 1
    try:
        os.setsid()
        void = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(void, descriptor)
        os.closerange(3, 256)
        while _file(repo).exists():
            if not git.alive():
                close(repo)
            time.sleep(_POLL)
        status = 0
    finally:
        os._exit(status)
