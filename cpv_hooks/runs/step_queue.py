"""Steps whose data has to get to the remote."""

from __future__ import annotations

from cpv_hooks.project.project import Project, root_key
from cpv_hooks.transfer.objects.upload_queue import Queue

WHY = "a training run's checkpoint"


def is_uploaded_now(project: Project) -> bool:
    """Whether objects go to the remote as soon as they are saved, as `[push] when` says."""
    return project.config.uploads_commits and bool(project.remotes) and not project.keeps_versions


def queue_step(project: Project, commit: str) -> None:
    """Note that a step's data must get to the remote, where `[push] when` wants that; durable when this returns."""
    if is_uploaded_now(project):
        Queue.of(project.repo).add(root_key(project), [commit], WHY)
