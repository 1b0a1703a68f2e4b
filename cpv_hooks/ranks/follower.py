"""Another rank's background process in a sharded job: `python -m cpv_hooks.ranks.follower ROOT FOLDER`.

It brings its part of each step that rank 0 names into the cache and to the remote, and tells rank 0 which files that
are. What it saved stays until rank 0 has made the step, or given it up.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from cpv_hooks.console.output import warn
from cpv_hooks.errors import CPVError
from cpv_hooks.project.project import Project
from cpv_hooks.ranks import shard
from cpv_hooks.ranks.meeting import Follower, Pause, RankPlaces
from cpv_hooks.ranks.shard import Brings
from cpv_hooks.ranks.signals import Beat, FollowerAgreement, Listener, Silence, silence
from cpv_hooks.ranks.training import MET, RESUMED, reached_step
from cpv_hooks.runs import retention, run_refs
from cpv_hooks.runs.run_folder import JOB, LOST, RunFolder, Saved
from cpv_hooks.runs.worker import RunWorker, work


class FollowerWorker(RunWorker):
    """The work on one rank's part of each step."""

    def __init__(self, project: Project, folder: RunFolder) -> None:
        super().__init__(project, folder)
        says = folder.read(JOB)
        self._rank, self._patience = int(says["rank"]), float(says["grace"])
        self._leader = Follower(RankPlaces(project, str(says["start"]), str(says["attempt"])), self._rank)
        self._state: dict[str, Any] = {}
        self._delivered: int | None = None
        self._ended: float | None = None
        self._beat = Beat(self._patience)
        self._silence = Silence(self._patience)
        self._is_alone = False
        self._pause = Pause()
        self._hearing = threading.Lock()
        self._warned = ""

    def run(self) -> None:
        """Work until rank 0 says that the job is over, or this rank's process has ended and nothing more is heard."""
        with self._folder.working():
            if not self._meet():
                return
            self._agreement = FollowerAgreement(self._folder, self._leader)
            self._brings = Brings(
                RunFolder.of(self._project.repo, run_refs.check_run_name(self._leader.run)), self._rank
            )
            listener = Listener(self._look, self._leader.poll)
            while not self._is_over():
                try:
                    self._settle()
                except (CPVError, OSError) as error:
                    self._warn(f"run {self._leader.run}: rank {self._rank}: {error}")
                self._wait()
            listener.end()
            self._pass_on(self._state)  # a job with nothing to do is over before anybody has looked
            if self._state.get("over"):
                # All that was said goes now: where this rank saves once more, and wakes us, nobody could tell.
                self._folder.write(MET, {**self._folder.read(MET), "over": True})
            self._agreement.give_up(self._state)
            self._goodbye()

    def _meet(self) -> bool:
        met = self._folder.read(MET)
        if met:
            self._state = {"over": True} if met.get("over") else {}
            self._leader.again(str(met["job"]), str(met["run"]), is_near=bool(met["near"]))
        elif not self._leader.meet(self._is_alive):
            return False
        near = self._leader.is_near
        self._folder.write(MET, {"rank": self._rank, "run": self._leader.run, "job": self._leader.job, "near": near})
        return True

    def _wait(self) -> None:
        """Until the job says that it has saved something, or it is time to look what rank 0 says."""
        pause = self._pause.seconds(self._leader.poll)
        word = self._word(pause) if self._ended is None else b""
        if word:
            self._pause.begin()
        elif word is not None:  # its end would be heard again at once
            time.sleep(pause)
        if self._leader.is_near:
            with suppress(CPVError):
                self._hear()

    def _hear(self) -> dict[str, Any]:
        with self._hearing:  # of two threads none may forget what the other has heard
            try:
                state = self._leader.state() or self._state
            except CPVError:
                self._silence.of(time.monotonic())  # of a remote that is away, nobody hears
                raise
            self._is_alone = self._silence.of(state.get("beat"))
            if state != self._state:
                self._pause.begin()
                if self._ended is not None:
                    self._ended = time.monotonic()
            self._state = state
        return state

    def _look(self) -> None:
        state = self._hear()
        if self._owes(state) and self._beat.is_due():
            self._leader.say("alive", {"beat": os.urandom(4).hex()})
        self._pass_on(state)
        self._agreement.look(state)

    def _pass_on(self, state: dict[str, Any]) -> None:
        """Where rank 0 goes on, for this rank's process, which waits to hear it."""
        if "going_on" in state and not (self._folder.path / RESUMED).exists():
            self._folder.write(RESUMED, state["going_on"])

    def _is_over(self) -> bool:
        if self._state.get("over"):
            return True
        if self._ended is None and not self._is_alive():
            self._ended = time.monotonic()
            with suppress(CPVError):
                self._agreement.leave()  # this rank waits nowhere any more
        if self._ended is None:
            return False
        # With nothing left that rank 0 may yet ask for, it need not wait: it says that it leaves.
        is_done = not self._folder.left() and not self._owes(self._state)
        return is_done or time.monotonic() > self._ended + self._patience + self._leader.poll

    def _settle(self) -> None:
        """Deliver the step that is taken now; let go of what is done with."""
        state = self._state
        if self._is_alone:
            self._give_up()
        done = state.get("done")
        if done is not None:
            for one in self._folder.left():
                if one.step <= done and one.step != self._delivered_but_not(done):
                    one.remove()
            if not self._leader.is_near:
                self._free(set(state.get("kept") or ()), int(done))
        take = state.get("take")
        if take is not None and self._owes(state):
            self._deliver(int(take))

    def _give_up(self) -> None:
        """Nothing that waits here becomes a step where rank 0 is gone; should it be heard again, the next ones may."""
        self._agreement.give_up(self._state)
        self._late(f"rank 0 has not answered for {silence(self._patience):.0f} seconds")
        for one in self._folder.left():
            one.remove()

    def _late(self, why: str) -> None:
        done = self._state.get("done", -1)
        late = [one.step for one in self._folder.left() if one.step > done]
        if late:
            warn(f"run {self._leader.run}: step {late[-1]} of rank {self._rank} is not kept: {why}")

    def _owes(self, state: dict[str, Any]) -> bool:
        """Whether rank 0 waits for this rank's part of a step."""
        take = state.get("take")
        return take is not None and take not in (self._delivered, state.get("done"))

    def _delivered_but_not(self, done: int) -> int | None:
        take = self._state.get("take")
        return take if take != done else None

    def _deliver(self, step: int) -> None:
        left = [one for one in self._folder.left() if one.step == step]
        if not left:
            lost = self._folder.read(LOST)
            if lost.get("step") == step:
                self._say(step, {"failed": str(lost.get("why"))})
            elif reached_step(self._folder.path) > step or not self._is_alive():
                self._say(step, {"failed": "it did not save this step"})
            return
        saved = left[-1] if left[-1].path.parent.name == "working" else self._folder.claim(left[-1])
        if saved is None:
            return
        try:
            brings = None if self._leader.is_near else self._brings
            part = shard.take_shard(self._project, self._folder, saved, self._rank, brings)
        except (CPVError, OSError) as error:
            self._say(step, {"failed": str(error)})
            return
        if self._uploaded(part, saved):
            self._say(step, part.note())

    def _uploaded(self, part: shard.Shard, saved: Saved) -> bool:
        """Whether rank 0 may count on it: it is on the remote, or in the cache that both have."""
        try:
            return shard.upload_shard(self._project, part) or self._leader.is_near
        except CPVError as error:
            self._warn(f"run {self._leader.run}: step {saved.step}: rank {self._rank} could not upload: {error}")
            return self._leader.is_near

    def _say(self, step: int, note: dict[str, object]) -> None:
        self._leader.say(str(step), note)
        self._delivered = step
        self._pause.begin()

    def _free(self, kept: set[int], done: int) -> None:
        free = self._brings.let_go(kept, done)
        if free:
            retention.free_cache(self._project, free)

    def _goodbye(self) -> None:
        with suppress(CPVError, OSError):
            self._settle()
        is_over = bool(self._state.get("over"))
        self._late("rank 0 has left the job" if is_over else "rank 0 did not take it")
        with suppress(CPVError):
            if not is_over or self._leader.state():
                self._say_lost()
                self._leader.say("bye", {})
            self._leader.leave()
        for one in self._folder.left():
            one.remove()

    def _say_lost(self) -> None:
        """Say why the last step was not saved here, which rank 0 may ask for when nobody is left to answer."""
        lost = self._folder.read(LOST)
        if lost and lost["step"] not in (self._delivered, self._state.get("done")):
            self._say(int(lost["step"]), {"failed": str(lost.get("why"))})

    def _warn(self, line: str) -> None:
        if line != self._warned:
            self._warned = line
            warn(line)


def main(argv: list[str]) -> int:
    """See above; the job holds the other end of the standard input."""
    folder = Path(argv[1])
    return work(argv[0], lambda project: FollowerWorker(project, RunFolder(folder, folder.name)), int(folder.name))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
