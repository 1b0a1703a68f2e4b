"""Rank 0's background process in a sharded job: `python -m cpv_hooks.ranks.leader ROOT RUN`.

It says which step is the next, saves its own part, waits for the others' and makes the step: pointers, commit and ref.
A step of which a part does not come is given up; its ref is never made.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cpv_hooks.console.output import fail, warn
from cpv_hooks.errors import CPVError
from cpv_hooks.project.project import Project
from cpv_hooks.ranks import gather, shard
from cpv_hooks.ranks.meeting import Leader, Pause, RankPlaces
from cpv_hooks.ranks.shard import Shard
from cpv_hooks.ranks.signals import Beat, LeaderAgreement, Listener, Silence, silence
from cpv_hooks.ranks.training import MET, RESUMED
from cpv_hooks.runs import run_refs
from cpv_hooks.runs.run_folder import JOB, RunFolder, Saved
from cpv_hooks.runs.take_in import note_brought
from cpv_hooks.runs.worker import RunWorker, work
from cpv_hooks.system.atomic_files import make_folder

if TYPE_CHECKING:
    from cpv_hooks.remote.common.notes import Notes

_GOODBYE = 5.0
"""Seconds for which the others may take to hear that the job is over."""


class NotWhole(CPVError):
    """A rank's part of a step does not come."""


class LeaderWorker(RunWorker):
    """The work on one run, where each rank has its part of each step."""

    def __init__(self, project: Project, folder: RunFolder) -> None:
        super().__init__(project, folder)
        says = folder.read(JOB)
        self._world, self._patience = int(says["world"]), float(says["grace"])
        places = RankPlaces(project, str(says["start"]), str(says["attempt"]))
        self._leader = Leader(places, self._world, str(says["job"]), folder.name)

    def run(self) -> None:
        """Work until the job has ended, all its steps are made or given up, and the other ranks know it."""
        super().run()
        until = time.monotonic() + _GOODBYE
        with suppress(CPVError):
            self._leader.say(over=True)
            while time.monotonic() < until and not self._all("bye"):
                time.sleep(self._leader.poll)
        self._leader.leave()

    def _begin(self) -> bool:
        job, met = str(self._folder.read(JOB)["job"]), self._folder.read(MET)
        for left in self._folder.left():
            if left.note().get("job") != job:
                left.remove()  # of a job that is gone with its ranks, or with its commit already
        if met.get("job") == job:
            self._leader.again(met["near"])
        elif not self._leader.meet(self._is_alive):
            return False
        # What another machine is to go on from must be where it can get it.
        self._retry(force=True)
        self._agreement = LeaderAgreement(self._folder, self._leader, self._world, self._patience)
        self._beat = Beat(self._patience)
        self._leader.say(beat=os.urandom(4).hex())
        near = [rank for rank in self._leader.where if self._leader.is_near(rank)]
        self._folder.write(MET, {"rank": 0, "run": self._folder.name, "job": job, "near": near})
        self._listener = Listener(self._look, self._leader.poll)
        return True

    def _look(self) -> None:
        told = self._folder.read(RESUMED)
        if told and "going_on" not in self._leader.state:
            self._leader.say(going_on=told)
        self._agreement.look()
        if self._beat.is_due():
            self._leader.say(beat=os.urandom(4).hex())

    def _end(self) -> None:
        self._listener.end()
        super()._end()

    def _work(self) -> bool:
        fresh = [one for one in self._folder.left() if not one.is_taken]
        if not fresh:
            return False
        saved = self._folder.claim(fresh[-1])
        if saved is None:
            return True
        if fresh[:-1]:
            warn(self._folder.skipped([one.step for one in fresh[:-1]]))
        for one in fresh[:-1]:
            one.remove()
        try:
            self._make(saved)
        except NotWhole as error:
            warn(f"run {self._folder.name}: step {saved.step} is not kept: {error}")
        except (CPVError, OSError) as error:
            warn(f"run {self._folder.name}: step {saved.step} is not kept")
            fail(error)
        finally:
            self._done(saved)
        return True

    def _make(self, saved: Saved) -> None:
        repo, name = self._project.repo, self._folder.name
        self._leader.say(take=saved.step)
        mine = shard.take_shard(self._project, self._folder, saved, 0)
        note_brought(self._folder, mine.new)  # it is let go of with the run's others, whatever becomes of this step
        with suppress(CPVError):  # said where the step is uploaded
            shard.upload_shard(self._project, mine)
        parts = self._parts(saved.step)
        near = [mine, *(part for part in parts if self._leader.is_near(part.rank))]
        far = [part for part in parts if not self._leader.is_near(part.rank)]
        if run_refs.is_finished(repo, name):
            repo.run("update-ref", "-d", run_refs.ref_of(name, run_refs.FINISHED))
        step = gather.gather_step(self._project, self._folder, saved, near, far)
        saved.mark_taken()
        self._bring(step)

    def _parts(self, step: int) -> list[Shard]:
        """What the other ranks saved at a step. Raises `NotWhole` where a part does not come."""
        names = {rank: f"{step}-{rank}" for rank in range(1, self._world)}
        found: dict[int, Mapping[str, Any]] = {}
        signs = {rank: Silence(self._patience) for rank in names}
        life: object = None
        ended, pause = time.monotonic(), Pause()
        while len(found) < len(names):
            heard = self._heard_of(names, found)
            beats = {rank: self._beat_of(rank, heard) for rank in names}
            if self._is_alive() or (heard is not None and life != (len(found), beats)):
                life, ended = (len(found), beats), time.monotonic()
            for rank in names.keys() - found.keys():
                is_silent = signs[rank].of(beats[rank])
                if heard is not None and f"bye-{rank}" in heard:
                    # What it said before that is there by now, though the listing may lack it.
                    self._heard_of(names, found)
                    if rank not in found:
                        raise NotWhole(f"rank {rank} has left the job")
                elif is_silent:
                    raise NotWhole(f"rank {rank} has not answered for {silence(self._patience):.0f} seconds")
            failed = next((rank for rank in sorted(found) if "failed" in found[rank]), None)
            if failed is not None:
                raise NotWhole(f"rank {failed}: {found[failed]['failed']}")
            if time.monotonic() > ended + self._patience and not self._is_alive():
                lacking = ", ".join(str(rank) for rank in names if rank not in found)
                raise NotWhole(f"the job has ended, and nothing came from rank {lacking}")
            if len(found) < len(names):
                time.sleep(pause.seconds(self._leader.poll))
        self._leader.forget(names.values())
        return [shard.parse_shard(rank, found[rank]) for rank in names]

    def _heard_of(self, names: Mapping[int, str], found: dict[int, Mapping[str, Any]]) -> Mapping[str, Notes] | None:
        """Take up the parts that have come; what else was said, or None where the remote does not answer now."""
        try:
            heard = self._leader.heard()
            for rank, name in names.items():
                if rank not in found and name in heard and (says := self._leader.read(name, heard[name])) is not None:
                    found[rank] = says
        except CPVError:
            return None
        return heard

    def _beat_of(self, rank: int, heard: Mapping[str, Notes] | None) -> object:
        """The last sign of life of a rank; where nobody can hear any, the time counts as one."""
        try:
            if heard is None:
                return time.monotonic()
            name = f"alive-{rank}"
            return self._leader.read(name, heard[name]) if name in heard else None
        except CPVError:
            return time.monotonic()

    def _done(self, saved: Saved) -> None:
        saved.remove()
        kept = [step.step for step in run_refs.steps_of_run(self._project.repo, self._folder.name)]
        with suppress(CPVError):
            self._leader.say(done=saved.step, kept=kept)

    def _all(self, what: str) -> bool:
        heard = self._leader.heard()
        return all(f"{what}-{rank}" in heard for rank in range(1, self._world))


def main(argv: list[str]) -> int:
    """See above; the job holds the other end of the standard input."""

    def worker(project: Project) -> LeaderWorker:
        folder = RunFolder.of(project.repo, argv[1])
        make_folder(folder.path)
        return LeaderWorker(project, folder)

    return work(argv[0], worker)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
