"""The repository's side of `dvc cpv aws-config`: DVC's two files, and one commit of the one that is shared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from cpv_hooks.aws import remote_config
from cpv_hooks.aws.credentials import COMMAND
from cpv_hooks.aws.remote_config import Change, Wanted
from cpv_hooks.errors import CPVError
from cpv_hooks.operations.effects import Effect
from cpv_hooks.project import Project


@dataclass(frozen=True)
class Files:
    """What changes in DVC's files, and the message of the commit (None where nothing is to be committed)."""

    project: Project
    changes: tuple[Change, ...]
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

    def apply(self, undo: ExitStack) -> None:
        """Write and commit; what brings the former state back is put on `undo`."""
        for change in self.changes:
            undo.callback(change.undo)
            change.write(private=change.path == remote_config.local_file(self.project.root))
        if self.message is not None:
            # By name: what the user has staged or changed elsewhere is not ours to commit.
            self.project.repo.run("commit", "-q", "-m", self.message, "--", self._shared)


def plan(project: Project, wanted: Wanted) -> Files:
    """What has to change. Raises `CPVError` where the repository is in no state for it."""
    changes = tuple(remote_config.plan(project.root, wanted))
    shared = any(change.path == remote_config.shared_file(project.root) for change in changes)
    left = not shared and _is_left_by_a_kill(project, wanted)
    message = f"Keep the data on {wanted.public['url']}" if shared or left else None
    if shared:
        _check_clean(project)
    if message is not None:
        _check_can_commit(project)
    if any(change.path == remote_config.local_file(project.root) for change in changes):
        _check_ignored(project)
    return Files(project, changes, message)


def _committed(project: Project) -> str | None:
    """The shared file as HEAD has it."""
    path = f"{project.prefix}.dvc/config"
    if not project.repo.ok("cat-file", "-e", f"HEAD:{path}"):
        return None
    return project.repo.run("cat-file", "blob", f"HEAD:{path}")


def _is_left_by_a_kill(project: Project, wanted: Wanted) -> bool:
    """Whether the file says what is wanted, and just that is not committed yet."""
    before = _committed(project)
    now = remote_config.shared_file(project.root).read_text(encoding="utf-8")
    return before is not None and before != now and remote_config.after(before, project.root, wanted) == now


def _check_clean(project: Project) -> None:
    path = f"{project.prefix}.dvc/config"
    if project.repo.run("status", "--porcelain", "--", path):
        fix = f"git commit -m 'Settings' -- {path}"
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
    if not project.repo.ok("check-ignore", "-q", "--", path) or project.repo.run("ls-files", "--", path):
        fix = f"echo /config.local >> {project.prefix}.dvc/.gitignore && git rm -q --cached --ignore-unmatch {path}"
        raise CPVError("Git does not ignore it, so its secrets would be committed", where=path, fix=fix)
