"""The repository's side of `dvc cpv aws-config`: DVC's two files, and one commit of the one that is shared."""

from __future__ import annotations

from collections.abc import Iterator

from cpv_hooks.accounts.aws import remote_config
from cpv_hooks.accounts.aws.credentials import COMMAND
from cpv_hooks.accounts.aws.remote_config import RemoteChange, WantedRemote
from cpv_hooks.console.plan import Effect
from cpv_hooks.errors import CPVError, file_word, git_word
from cpv_hooks.git import commit
from cpv_hooks.git.index import index_entries, literal
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.project import Project
from cpv_hooks.recovery import transaction as journal
from cpv_hooks.recovery import undo_git, undo_head


class ConfigFiles(NamedTuple):
    """What changes in DVC's files, and the message of the commit (None where nothing is to be committed)."""

    project: Project
    changes: tuple[RemoteChange, ...]
    message: str | None

    @property
    def _shared(self) -> str:
        return f"{self.project.prefix}.dvc/config"

    def effects(self) -> Iterator[Effect]:
        """A line for each setting, and the commit."""
        for change in self.changes:
            for line in change.lines:
                yield Effect("dvc", f"{change.path.relative_to(self.project.repo.top)}: {line}")
        if self.message is not None:
            yield Effect("git", f"commit {self._shared} ({self.message})")

    def apply(self) -> None:
        """Write and commit, in one transaction: all of it, or nothing also after a kill."""
        if not self.changes and self.message is None:
            return
        repo = self.project.repo
        with journal.begin_transaction(repo, "aws-config") as transaction:
            for change in self.changes:
                path = change.path.relative_to(repo.top).as_posix()
                before = None if change.before is None else change.before.encode()
                transaction.step(path, [undo_git.file(path, before, change.after.encode())])
                change.write(private=change.path == remote_config.local_file(self.project.root))
            if self.message is not None:
                self._commit(transaction, self.message)

    def _commit(self, transaction: journal.Transaction, message: str) -> None:
        # By name: what the user has staged or changed elsewhere is not ours to commit.
        repo, path = self.project.repo, self._shared
        when, date = commit.committer_time(repo)
        before = index_entries(repo, [path]).get(path)
        transaction.step("commit", [undo_head.coming_commit(repo, repo.resolve("HEAD") or "", when, {path: before})])
        content = remote_config.shared_file(self.project.root).read_bytes()
        commit.commit_files(repo, {path: content}, message, date)


def plan_repository_remote(project: Project, wanted: WantedRemote) -> ConfigFiles:
    """What has to change. Raises `CPVError` where the repository is in no state for it."""
    changes = tuple(remote_config.plan_remote_config(project.root, wanted))
    shared = any(change.path == remote_config.shared_file(project.root) for change in changes)
    if shared:
        _check_clean(project)
        _check_can_commit(project)
    if any(change.path == remote_config.local_file(project.root) for change in changes):
        _check_ignored(project)
    return ConfigFiles(project, changes, f"Keep the data on {wanted.public['url']}" if shared else None)


def _check_clean(project: Project) -> None:
    path = f"{project.prefix}.dvc/config"
    if project.repo.run("status", "--porcelain", "--", *literal([path])):
        fix = f"git commit -m 'Settings' -- {git_word(path)}"
        raise CPVError("has uncommitted changes, which CPV's own commit would take", where=path, fix=fix)


def _check_can_commit(project: Project) -> None:
    repo = project.repo
    if operation := repo.under_way():
        fix = f"finish it (git {operation} --continue) or git {operation} --abort"
        raise CPVError(f"a {operation} is under way", where=str(repo.top), fix=fix)
    if repo.resolve("HEAD") is None:
        raise CPVError("there is no commit yet", where=str(repo.top), fix="git commit")
    if not repo.ok("symbolic-ref", "-q", "HEAD"):
        what = "HEAD is detached, so the commit of the new remote would be on no branch"
        raise CPVError(what, where=str(repo.top), fix=f"git switch BRANCH, then {COMMAND}")
    if not repo.ok("var", "GIT_AUTHOR_IDENT"):
        fix = "git config --global user.name YOU && git config --global user.email YOU@EXAMPLE.COM"
        raise CPVError("Git does not know who you are", fix=fix)


def _check_ignored(project: Project) -> None:
    """Secrets and paths of this machine must not get into Git."""
    path = f"{project.prefix}.dvc/config.local"
    is_hidden = project.repo.ok("check-ignore", "-q", "--", f"./{path}")
    if not is_hidden or project.repo.run("ls-files", "--", *literal([path])):
        fix = (
            f"echo /config.local >> {file_word(f'{project.prefix}.dvc/.gitignore')} "
            f"&& git rm -q --cached --ignore-unmatch {git_word(path)}"
        )
        raise CPVError("Git does not ignore it, so its secrets would be committed", where=path, fix=fix)
