"""Moving a repository's data to S3: everything is copied and verified before the configuration names the new place.

What is there already is not sent again, so a move that was killed goes on where it stopped. The old remote is read,
and nothing there is changed.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from cpv_hooks.accounts.aws.source import room
from cpv_hooks.accounts.aws.survey import OpenTarget, Survey, SurveyPart, survey_remotes
from cpv_hooks.console.output import few, say
from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.directory_object import is_dir_oid
from cpv_hooks.errors import CPVError
from cpv_hooks.project.project import Project, root_key
from cpv_hooks.remote.common.protocol import CorruptObject, RemoteError
from cpv_hooks.remote.s3.file_parts import PART
from cpv_hooks.system.threads import each
from cpv_hooks.transfer.objects.upload_queue import Queue

THREADS = 8
SHOWN = 5
ROUNDS = 3
"""How often to look again for what commits added while the data was copied."""


def copy_objects(project: Project, target: OpenTarget, *, accept_loss: bool = False) -> Survey:
    """Copy what is lacking and verify it; returns how it stands in the end, with nothing left to send.

    Raises `CPVError` where something is lost (unless that is accepted), `RemoteError` where a remote fails.
    """
    damaged: set[str] = set()
    with room(project) as folder:
        for _ in range(ROUNDS):
            found = survey_remotes(project, target, folder, damaged)
            refuse_loss(project, found, accept=accept_loss)
            if not found.count:
                _record(project, found)
                return found
            damaged |= _send(found)
    what = f"{found.count} objects are still not there as they should be"
    raise RemoteError(what, where=found.parts[0].target.url, fix="dvc cpv aws-config, when nobody commits")


def refuse_loss(project: Project, found: Survey, *, accept: bool) -> None:
    """Raise where something that the repository needs is nowhere, naming it."""
    lost = found.lost
    if not lost or accept:
        return
    for line in lost[SHOWN:]:
        say(f"missing too: {line}")
    shown = few(lost, SHOWN)
    nobody = f"neither the cache nor {project.remote_url} has" if project.remote_url else "the cache no longer has"
    what = f"{nobody} all that is needed: {shown}"
    fix = "dvc cpv sync in a clone that has a copy, or dvc cpv aws-config --force (moves the rest)"
    raise CPVError(what, where=str(project.root), fix=fix)


def _send(found: Survey) -> set[str]:
    """Send everything; returns the objects that are damaged wherever they are."""
    damaged: set[str] = set()
    with Progress("moving", found.bytes) as progress:
        for part in found.parts:
            send = partial(_send_object, part, damaged, progress)
            files = [oid for oid in part.send if not is_dir_oid(oid)]
            large = [oid for oid in files if part.send[oid] is None or (part.send[oid] or 0) >= PART]
            each(send, [oid for oid in files if oid not in set(large)], THREADS)
            each(send, large, 1)  # these use the threads for their parts
            each(send, [oid for oid in part.send if is_dir_oid(oid)], THREADS)
    return damaged


def _send_object(part: SurveyPart, damaged: set[str], progress: Progress, oid: str) -> None:
    """Send an object from the first place that has it whole; a directory object only where no file of its is damaged.

    What is damaged in all places is noted. Any thread may.
    """
    if is_dir_oid(oid) and any(file in damaged for _, file in part.source.listing(oid) or ()):
        return
    for place in part.source.places:
        with place(oid) as blob, suppress(CorruptObject):
            if blob is not None:
                progress.grow(-blob.size)  # the total has it already
                part.target.upload([blob], progress)
                return
    damaged.add(oid)


def _record(project: Project, found: Survey) -> None:
    """Remember what was seen on the new remote, and that no upload waits any longer."""
    queue = Queue.of(project.repo)
    for part in found.parts:
        queue.record(part.target.url, part.present)
    if not found.lost:
        queue.done(root_key(project), found.commits)
