"""What `dvc cpv aws-config` remembers for its user: in `~/.cpv`, never a key."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cpv_hooks import state_files
from cpv_hooks.accounts.aws.aws_target import AwsRequest, AwsTarget
from cpv_hooks.accounts.personal import personal_settings
from cpv_hooks.accounts.personal.private_folder import link_credentials
from cpv_hooks.accounts.personal.schema import Settings
from cpv_hooks.console.plan import Effect
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.clone_settings import CloneSettings
from cpv_hooks.project.project import Project
from cpv_hooks.state_files import cpv_home
from cpv_hooks.system.atomic_files import write_or_remove

_OPTIONS = {
    "bucket": "url",
    "region": "region",
    "endpoint_url": "endpointurl",
    "credential_path": "credentialpath",
    "profile": "profile",
}
"""Personal settings, each with the option of a DVC remote that says the same."""


class Personal(NamedTuple):
    """The settings to change, by dotted key, and the credential file that `~/.cpv/aws_credentials` is to lead to."""

    changes: Mapping[str, str]
    link: Path | None

    @classmethod
    def of(cls, request: AwsRequest, target: AwsTarget, settings: Settings, project: Project | None) -> Personal:
        """What has to change. In a repository the user's own defaults change only where they are given.

        What came with a clone is never made the user's own: it would answer, for every other clone, the question which
        servers may have the user's credentials.
        """
        aws = settings.aws
        known = aws.model_fields_set
        wanted: dict[str, str | None] = {
            # Stands there once AWS is set up, even where it is the default.
            "bucket": request.bucket or (None if "bucket" in known else target.options.bucket),
            "region": request.region or (None if known else target.public.get("region")),
            "endpoint_url": request.endpoint_url or (None if known else target.public.get("endpointurl")),
            "credential_path": str(target.credentials.path) if target.credentials.path else None,
            "profile": target.credentials.profile,
        }
        brought = _brought(project, target)
        changes = {
            f"aws.{key}": value
            for key, value in wanted.items()
            if value is not None and (key not in known or getattr(aws, key) != value)
            if key not in brought or getattr(request, key)
        }
        if project is None and request.team is not None and request.team != settings.team_name:
            changes["team_name"] = request.team
        link = None if "credential_path" in brought and request.credential_path is None else target.credentials.path
        return cls(changes, link if link is not None and _linked() != str(link) else None)

    def effects(self) -> Iterator[Effect]:
        for key, value in self.changes.items():
            yield Effect("file", f"{cpv_home() / state_files.CONFIG}: {key} = {value}")
        if self.link is not None:
            yield Effect("file", f"{cpv_home() / state_files.CREDENTIALS}: a link to {self.link}")

    def apply(self, undo: ExitStack) -> None:
        """Do it; what brings the former state back is put on `undo`."""
        if self.changes:
            path = Path(os.path.realpath(personal_settings.path()))
            undo.callback(write_or_remove, path, path.read_bytes() if path.exists() else None, durable=True)
            personal_settings.update(dict[str, Any](self.changes))
        if self.link is not None:
            undo.callback(_link_back, _linked())
            link_credentials(self.link)


def _brought(project: Project | None, target: AwsTarget) -> set[str]:
    """The settings of which the target has what the clone's files say."""
    if project is None or project.remote_name != target.name:
        return set()
    said = CloneSettings(project.repo, project.root, target.name, project.remote_options)
    return {key for key, option in _OPTIONS.items() if said.brought(option) is not None}


def _linked() -> str | None:
    try:
        return os.readlink(cpv_home() / state_files.CREDENTIALS)
    except OSError:
        return None


def _link_back(before: str | None) -> None:
    path = cpv_home() / state_files.CREDENTIALS
    if path.is_symlink():
        path.unlink()
    if before is not None and not os.path.lexists(path):
        path.symlink_to(before)
