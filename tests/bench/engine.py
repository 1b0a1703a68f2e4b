"""Steps of CPV that no single command does alone, as programs for `python -c`."""

_HEAD = """
from pathlib import Path
from cpv_hooks.git.repo import Repo
from cpv_hooks.console.progress import Progress
from cpv_hooks.project.project import Project
project = Project.open(Repo.discover(Path.cwd()), Path.cwd())
"""
OPEN = _HEAD
"""Open the DVC root, and no more."""
LOOK = f"""{_HEAD}
from cpv_hooks.transfer.objects.open import open_remote
open_remote(project).missing(["f" * 32])
"""
"""Ask the remote for an object that is not there."""
PUBLISH = f"""{_HEAD}
from cpv_hooks.transfer.commits.upload_commits import publish
assert not publish(project, ["HEAD"], Progress("uploading")).missing
"""
"""Upload what HEAD points to."""
READ_HISTORY = """
from cpv_hooks.git.repo import Repo
from cpv_hooks.history.reader import look_ahead, read_history
from cpv_hooks.project.project import Project
repo = Repo.discover()
found = read_history(repo, Project.find_all(repo))
look_ahead(found)
for one in found:
    assert one.time and one.author and one.message and one.artifacts and not one.error, one
    one.metrics
"""
"""Read every version, with all that is known of it."""
FETCH = f"""{_HEAD}
from cpv_hooks.project.pointers_at import pointers_at
from cpv_hooks.transfer.objects.fetch_objects import fetch
assert not fetch(project, [pointer.oid for pointer in pointers_at(project, "HEAD")], Progress("fetching"))
"""
"""Bring what HEAD points to into the cache."""
