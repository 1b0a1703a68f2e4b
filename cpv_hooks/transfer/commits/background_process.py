"""The background process that uploads."""

from __future__ import annotations

from cpv_hooks.git.detached_process import spawn
from cpv_hooks.project.project import Project


def start_worker(project: Project) -> int:
    """Start a worker for a DVC root, which ends at once where another one is at work; returns its process id."""
    return spawn("cpv_hooks.transfer.commits.background_worker", project.root)
