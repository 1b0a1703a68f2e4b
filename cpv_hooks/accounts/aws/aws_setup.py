"""`dvc cpv aws-config`: credentials, the DVC remote of the repository around here, and its data's way to S3.

The way to S3 is verified, and the data is copied, before any setting is changed; a setting that cannot be changed takes
the ones before it back. A second run finds everything as it should be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from cpv_hooks.accounts.aws import move, remote_config, repository_remote, team_and_model
from cpv_hooks.accounts.aws.aws_target import AwsRequest, AwsTarget, decide
from cpv_hooks.accounts.aws.credentials import COMMAND, ask_for_file
from cpv_hooks.accounts.aws.probe import new_key, probe, probe_bucket, probe_reading
from cpv_hooks.accounts.aws.remembered import Personal
from cpv_hooks.accounts.aws.survey import Survey, survey_remotes
from cpv_hooks.accounts.personal import personal_settings, trusted
from cpv_hooks.console.output import say, warn
from cpv_hooks.console.plan import Effect, Plan
from cpv_hooks.console.redact import redact
from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.project import Project
from cpv_hooks.recovery import transaction
from cpv_hooks.remote.s3.versioned_bucket import demand_versioning


def plan_aws(request: AwsRequest, folder: Path, *, ask: Callable[[], str | None] = ask_for_file) -> Plan[None]:
    """Decide what is to be done for the repository around a folder, or without one for this user alone.

    Only reads, on this machine and on S3. Raises `CPVError`, which leaves everything as it is.
    """
    project, own = _sound(folder), personal_settings.load_settings()
    target = decide(request, project, own, ask)
    if target.credentials.warning:
        warn(target.credentials.warning)
    files = _files(project, target)
    probe_bucket(target.options)
    if target.values.get("version_aware") == "true":
        demand_versioning(target.options)
    data = _data(request, project, target)
    key = new_key(target.options.prefix) if target.has_team else None
    setup = _Setup(request, target, project, Personal.of(request, target, own, project), files, key)
    return Plan(tuple(setup.effects(data)), None, setup.run)


def _sound(folder: Path) -> Project | None:
    """The repository around a folder, after what a killed operation left there was undone."""
    project = team_and_model.around(folder)
    if project is None or not transaction.left(project.repo):
        return project
    transaction.recover(project.repo)
    return team_and_model.around(folder)


def _files(project: Project | None, target: AwsTarget) -> repository_remote.ConfigFiles | None:
    if project is None:
        return None
    return repository_remote.plan_repository_remote(
        project, remote_config.WantedRemote(target.name, target.public, target.local)
    )


def _data(request: AwsRequest, project: Project | None, target: AwsTarget) -> Survey:
    """What a move has to send; nothing where the data stays where it is."""
    if not _moves(request, project, target) or project is None:
        return Survey()
    if project.remote_versioned:
        what = f"remote {project.remote_name} keeps versions, whose ids are its own, so they cannot be moved"
        raise CPVError(what, where=str(project.root), fix=f"{COMMAND} --no-move")
    if request.read_only:
        what = "moving data needs write access"
        raise CPVError(what, where=str(project.root), fix=f"{COMMAND} --no-move, or with keys that may write")
    with TemporaryDirectory(prefix="cpv-") as folder:
        found = survey_remotes(project, target.open, Path(folder))
    move.refuse_loss(project, found, accept=request.force)
    return found


def _moves(request: AwsRequest, project: Project | None, target: AwsTarget) -> bool:
    return project is not None and request.move and not target.stays


class _Setup(NamedTuple):
    """The setup, decided. `key` is that of the probe; None where no team is known yet."""

    request: AwsRequest
    target: AwsTarget
    project: Project | None
    personal: Personal
    files: repository_remote.ConfigFiles | None
    key: str | None

    def effects(self, data: Survey) -> Iterator[Effect]:
        """Everything that `run` will change, in its order."""
        if self.key is not None and not self.request.read_only:
            yield Effect("s3", f"put, get and delete s3://{self.target.options.bucket}/{self.key}")
        yield from data.effects()
        yield from self.personal.effects()
        if self.files is not None:
            yield from self.files.effects()

    def run(self) -> None:
        """Verify, move, then change the settings; all of these or none."""
        self._verify()
        moved = Survey()
        if _moves(self.request, self.project, self.target) and self.project is not None:
            moved = move.copy_objects(self.project, self.target.open, accept_loss=self.request.force)
        with ExitStack() as undo:
            self.personal.apply(undo)
            if self.files is not None:
                self.files.apply()
            undo.pop_all()
        if self.project is not None:
            trusted.confirm_servers(self.project.repo, filter(None, [self.target.values.get("endpointurl")]))
        self._report(moved)

    def _verify(self) -> None:
        options = self.target.options
        if self.key is None:
            say(f"{self.target.url} answers; no team is known yet, so writing there was not tried")
        elif self.request.read_only:
            probe_reading(options, self.key)
            say(f"{self.target.url}: reading works, with {self.target.credentials.source}")
        else:
            probe(options, self.key)
            say(f"{self.target.url}: writing, reading and removing work, with {self.target.credentials.source}")

    def _report(self, moved: Survey) -> None:
        for line in moved.lost:
            warn(f"not moved, because no copy was found: {line}")
        if self.project is None or self.target.stays:
            return
        old = _shown(self.project)
        if old and moved.parts:
            say(f"the data is on {self.target.url} now; the old storage was left as it is: {old}")
        elif old:
            say(f"new data goes to {self.target.url}; what there is already was not moved: {old}")


def _shown(project: Project) -> str | None:
    """The old remote, without secrets."""
    return f"{redact(project.remote_url)} (remote {project.remote_name})" if project.remote_url else None
