"""A commit of named contents and nothing else, made by `git commit` with the user's own hooks.

It is made from an index of its own, as `git commit -- PATH` does, so what the user has staged stays staged. CPV's own
hooks are silenced (`CPV_SILENCED`); the hooks that its shims chain run.
"""

from __future__ import annotations

from collections.abc import Mapping

from cpv_hooks import state_files
from cpv_hooks.errors import CPVError
from cpv_hooks.git import signing
from cpv_hooks.git.gitignore import FILE as IGNORE_FILE
from cpv_hooks.git.index import index_entries, scratch_index, set_index_entries
from cpv_hooks.git.repo import Repo
from cpv_hooks.git.trees import tree_changes

IDENTITY_FIX = "git config --global user.email YOU@EXAMPLE.COM"


def blob_at(repo: Repo, path: str, rev: str = "HEAD") -> bytes | None:
    """The content of a file in a commit; None where it has none."""
    oid = repo.run("rev-parse", "--verify", "--quiet", f"{rev}:{path}", check=False).strip()
    if not oid:
        return None
    return repo.run("cat-file", "blob", oid).encode("utf-8", "surrogateescape")


def committer_time(repo: Repo) -> tuple[int, str]:
    """The committer's time, seconds since the epoch, and its form for `GIT_COMMITTER_DATE`."""
    try:
        seconds, zone = repo.run("var", "GIT_COMMITTER_IDENT").split()[-2:]
    except CPVError as error:
        raise CPVError("Git does not know who commits", where=str(repo.top), fix=IDENTITY_FIX) from error
    return int(seconds), f"@{seconds} {zone}"


def commit_files(
    repo: Repo, contents: Mapping[str, bytes | None], message: str, date: str, author_date: str | None = None
) -> str:
    """Commit these files (by their path from the top; None: no such file any more) on HEAD; returns the commit's id.

    The index follows where it held what HEAD held, and in these files always. Dates are as in `GIT_COMMITTER_DATE`.
    Raises `CPVError` with the last line of a hook that refuses.
    """
    old = repo.resolve("HEAD")
    modes = {path: entry.split()[0] for path, entry in index_entries(repo, list(contents)).items()}
    staged: dict[str, str | None] = {
        path: None
        if data is None
        else f"{modes.get(path, '100644')} {repo.run('hash-object', '-w', '--stdin', input=data).strip()}"
        for path, data in contents.items()
    }
    _commit(repo, staged, message, {"GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": author_date or date})
    new = repo.resolve("HEAD")
    if old is None or new in (None, old):
        raise CPVError("git commit made no commit", where=str(repo.top), fix="git status")
    changes = tree_changes(repo, old, str(new))
    changed = next((path for path, entry in staged.items() if changes.get(path, (None, None))[1] != entry), None)
    if changed is not None:
        raise CPVError("a hook of yours changed what was to be committed", where=changed, fix="leave pointers to CPV")
    _let_index_follow(repo, changes, contents)
    return str(new)


def _let_index_follow(
    repo: Repo, changes: Mapping[str, tuple[str | None, str | None]], contents: Mapping[str, bytes | None]
) -> None:
    """Entries that were HEAD's become the new commit's, and so do ours; lines that the user has staged stay."""
    now = index_entries(repo, list(changes))
    follows: dict[str, str | None] = {}
    for path, (was, new) in changes.items():
        if now.get(path) == was or (path in contents and not path.endswith(IGNORE_FILE)):
            follows[path] = new
        elif path in contents and path in now:
            mode, blob = now[path].split()
            staged = repo.run("cat-file", "blob", blob).encode("utf-8", "surrogateescape")
            added = [
                line
                for line in (contents[path] or b"").splitlines(keepends=True)
                if line not in staged.splitlines(True)
            ]
            text = b"".join([staged, *added])
            follows[path] = f"{mode} {repo.run('hash-object', '-w', '--stdin', input=text).strip()}"
    set_index_entries(repo, follows)


def _commit(repo: Repo, staged: Mapping[str, str | None], message: str, dates: Mapping[str, str]) -> None:
    with scratch_index(repo.state / state_files.COMMIT_INDEX, repo.git_dir / "index") as env:
        repo.run("read-tree", "--reset", "HEAD", env=env)
        set_index_entries(repo, staged, env)
        silenced = {"CPV_RUNNING": "", "CPV_SILENCED": "1"}
        marks = {**dates, "GIT_REFLOG_ACTION": REFLOG_ACTION}
        with signing.commit_options(repo) as (words, settings):
            repo.run("commit", "-q", *words, "-F", "-", input=message, env=env | silenced | marks | settings)


REFLOG_ACTION = "cpv"
"""What stands before the subject in the reflog line of a commit that CPV makes (`GIT_REFLOG_ACTION`)."""
