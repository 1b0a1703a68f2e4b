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

import json
import os
import time
from pathlib import Path

from cpv_hooks.durable import write_atomic
from cpv_hooks.errors import CPVError
from cpv_hooks.git import Repo
from cpv_hooks.gitprocess import GitProcess, calling_git
from cpv_hooks.pointer import is_pointer_file

# Of this work tree alone (`refs/worktree/` is per work tree), so that two of them can commit at the same time.
PENDING = "refs/worktree/cpv/pending"
_POLL = 0.02  # seconds
_IDENTITY = {
    "GIT_AUTHOR_NAME": "cpv",
    "GIT_AUTHOR_EMAIL": "cpv@localhost",
    "GIT_COMMITTER_NAME": "cpv",
    "GIT_COMMITTER_EMAIL": "cpv@localhost",
}


def obstacle(repo: Repo) -> str | None:
    """Why a detour cannot be taken here and now; None where it can."""
    git = calling_git()
    if "GIT_INDEX_FILE" not in os.environ or (git is not None and git.command != "commit"):
        return "this is not `git commit`"
    if repo.under_way():
        return f"a {repo.under_way()} is under way"
    if not _head_text(repo).startswith("ref: refs/heads/"):
        return "HEAD is detached"
    if (repo.config("extensions.refstorage") or "files") != "files":
        return "the refs are not stored in files"
    if not repo.ok("var", "GIT_COMMITTER_IDENT"):
        return "Git does not know who commits"
    return None


def open_detour(repo: Repo) -> None:
    """Point HEAD at a commit with nearly the tree of the index that is being committed.

    One of its pointers is emptied there: where the index was empty Git reads it again before it compares, and would
    find nothing to commit against the very same tree.
    """
    tree = _tree_unlike_any_index(repo)
    parents = repo.run("rev-list", "--parents", "-n", "1", "HEAD").split()[1:] if repo.resolve("HEAD") else []
    arguments = [word for parent in parents for word in ("-p", parent)]
    # Options such as --fixup=HEAD and -C HEAD read the message and the author of what HEAD names now.
    author, message = _author_and_message(repo)
    commit = repo.run("commit-tree", tree, *arguments, input=message, env=_IDENTITY | author).strip()
    git = calling_git()
    record = {"head": _head_text(repo), "commit": commit, "pid": git.pid if git else None}
    repo.run("-c", "core.logAllRefUpdates=false", "update-ref", PENDING, commit)
    write_atomic(_file(repo), json.dumps(record).encode(), durable=True)
    if git is not None:
        _leave_watcher(repo, git)
    _write_head(repo, f"ref: {PENDING}\n")


def _author_and_message(repo: Repo) -> tuple[dict[str, str], str]:
    if repo.resolve("HEAD") is None:
        return {}, "CPV: one-shot commit under way\n"
    name, email, date, message = repo.run("log", "-1", "--format=%an%x00%ae%x00%ad%x00%B", "--date=raw", "HEAD").split(
        "\0", 3
    )
    return {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": email, "GIT_AUTHOR_DATE": date}, message


def _tree_unlike_any_index(repo: Repo) -> str:
    tree = repo.run("write-tree", index=True).strip()
    names = repo.run("ls-files", "-z", "--", "*.dvc", "dvc.lock", "*/dvc.lock", index=True).split("\0")
    pointer = next(name for name in names if is_pointer_file(name))
    scratch = repo.state / "detour-index"
    env = {"GIT_INDEX_FILE": str(scratch)}
    try:
        repo.run("read-tree", tree, env=env)
        empty = repo.run("hash-object", "-w", "--stdin", input="").strip()
        repo.run("update-index", "--cacheinfo", f"100644,{empty},{pointer}", env=env)
        return repo.run("write-tree", env=env).strip()
    finally:
        scratch.unlink(missing_ok=True)


def close(repo: Repo) -> None:
    """Point HEAD back; nothing where no detour is open."""
    try:
        record = json.loads(_file(repo).read_bytes())
    except (OSError, ValueError):
        record = {}
    if _head_text(repo) == f"ref: {PENDING}\n":
        head = record.get("head")
        if not isinstance(head, str) or not head.startswith("ref: refs/heads/"):
            raise CPVError(
                "HEAD was left on CPV's detour and its record is lost",
                where=str(repo.git_dir / "HEAD"),
                fix="git symbolic-ref HEAD refs/heads/BRANCH",
            )
        _write_head(repo, head)
    _file(repo).unlink(missing_ok=True)
    repo.run("-c", "core.logAllRefUpdates=false", "update-ref", "-d", PENDING, check=False)


def heal(repo: Repo) -> bool:
    """Close a detour whose Git process is gone; returns whether there was one."""
    file = _file(repo)
    if not file.exists():
        return False
    try:
        process = json.loads(file.read_bytes()).get("pid")
    except (OSError, ValueError):
        process = None
    serving = calling_git()
    if (
        process
        and GitProcess(process, ()).alive()
        and not (serving and serving.pid == process and serving.command != "commit")
    ):
        return False
    close(repo)
    return True


def _file(repo: Repo) -> Path:
    return repo.state / "detour"


def _head_text(repo: Repo) -> str:
    return (repo.git_dir / "HEAD").read_text(encoding="utf-8")


def _write_head(repo: Repo, text: str) -> None:
    lock = repo.git_dir / "HEAD.lock"
    try:
        descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        raise CPVError(
            "HEAD is locked by another Git process", where=str(lock), fix="wait for it, then repeat the command"
        ) from None
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
