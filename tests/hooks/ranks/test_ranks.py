"""A sharded job's parts, where no other process is needed: who is who, what goes together, what a cache keeps."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from conftest import MakeRepo

from cpv_hooks.errors import CPVError
from cpv_hooks.ranks import step_agreement, training
from cpv_hooks.ranks.gather import together
from cpv_hooks.ranks.meeting import Follower, Leader, RankPlaces
from cpv_hooks.ranks.rank_place import RankPlace, find_place
from cpv_hooks.ranks.shard import Brings, Shard, ShardFile, parse_shard
from cpv_hooks.ranks.signals import FollowerAgreement, LeaderAgreement
from cpv_hooks.ranks.step_agreement import SAVE, StepAgreement
from cpv_hooks.remote.common.notes import FolderNotes, Notes
from cpv_hooks.remote.s3.s3_notes import S3Notes
from cpv_hooks.runs.background import Background
from cpv_hooks.runs.end_signals import EndSignals
from cpv_hooks.runs.job import RunJob
from cpv_hooks.runs.run_folder import RunFolder
from support.seaweed import Server
from support.two_versions import project_of

OID = "0" * 32
VARIABLES = ("RANK", "WORLD_SIZE", "SLURM_PROCID", "SLURM_NTASKS", "CPV_ATTEMPT", "MASTER_ADDR", "MASTER_PORT")
VARIABLES += ("NODE_RANK", "LOCAL_RANK")


@pytest.mark.parametrize(
    ("environment", "given", "place"),
    [
        ({}, (None, None), RankPlace(0, 1)),
        ({"RANK": "2", "WORLD_SIZE": "4"}, (None, None), RankPlace(2, 4)),
        ({"RANK": "2"}, (None, None), RankPlace(0, 1)),
        ({"RANK": "4", "WORLD_SIZE": "4"}, (None, None), RankPlace(0, 1)),
        ({"SLURM_PROCID": "1", "SLURM_NTASKS": "2"}, (None, None), RankPlace(1, 2)),
        ({"RANK": "0", "WORLD_SIZE": "3", "SLURM_PROCID": "1", "SLURM_NTASKS": "2"}, (None, None), RankPlace(0, 3)),
        ({"RANK": "2", "WORLD_SIZE": "4"}, (1, 2), RankPlace(1, 2)),
        ({"NODE_RANK": "0", "LOCAL_RANK": "1", "WORLD_SIZE": "2"}, (None, None), RankPlace(1, 2)),
        ({"NODE_RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "4"}, (None, None), RankPlace(0, 1)),
        ({"CPV_ATTEMPT": "7"}, (1, 2), RankPlace(1, 2, "7:::::::")),
    ],
)
def test_who_is_who(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], given: tuple[int | None, int | None], place: RankPlace
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert find_place(*given) == place


@pytest.mark.parametrize("given", [(4, 4), (-1, 4), (0, None), (None, 4), (True, 4), (0, 0)])
def test_numbers_that_are_no_place(given: tuple[int | None, int | None]) -> None:
    with pytest.raises(CPVError, match="rank counts from 0 and is less than world_size; fix: CheckpointRun"):
        find_place(*given)


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("model.pt", "model.pt", "ranks 0 and 1 both saved model.pt"),
        ("a", "a/b", "ranks 0 and 1 both saved a"),
        ("a/b/c", "a", "ranks 0 and 1 both saved a"),
    ],
)
def test_two_ranks_take_one_name(one: str, other: str, said: str) -> None:
    shards = [Shard(rank, (ShardFile(name, f"{rank}" * 32, 1),)) for rank, name in enumerate((one, other))]
    with pytest.raises(CPVError, match=said):
        together(shards)


def test_ranks_may_save_the_same_file() -> None:
    """Frameworks let each rank write what all have, such as a gradient scaler."""
    same, own = ShardFile("a/scaler.pt", OID, 1), ShardFile("a/random_1.pkl", OID, 2)
    assert together([Shard(0, (same,)), Shard(1, (same, own))]) == {"a/scaler.pt": same, "a/random_1.pkl": own}


def test_what_a_rank_says_is_checked() -> None:
    part = Shard(1, (ShardFile("a/b", OID, 7),), (OID,))
    assert parse_shard(1, part.note()) == part
    for note in ({}, {"files": [["a"]], "new": []}, {"files": [["a", "../x", 1]], "new": []}, {"files": 1, "new": 2}):
        with pytest.raises(CPVError, match="what rank 1 wrote about its files cannot be read"):
            parse_shard(1, note)


def test_a_cache_without_the_run_s_refs_keeps_what_kept_steps_need(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, "run")
    brings = Brings(folder, 3)
    brings.note(1, {"same": 10.0, "one": 10.0, "theirs": 0.0, "shared": 10.0})
    brings.note(2, {"same": 0.0, "two": 20.0})
    Brings(folder, 2).note(2, {"shared": 0.0})  # another rank on this machine
    assert brings.let_go({1}, 1) == {}
    assert brings.let_go(set(), 1) == {"one": 10.0}
    assert brings.let_go(set(), 1) == {}
    assert brings.let_go({7}, 2) == {"same": 10.0, "two": 20.0}


def notes_of(kind: str, tmp_path: Path, make_repo: MakeRepo, server: Server) -> Notes:
    if kind == "folder":
        return FolderNotes(tmp_path / "notes")
    from cpv_hooks.remote.s3.s3_remote import S3Remote
    from cpv_hooks.transfer.objects.open import notes_of, open_remote

    repo = make_repo(remote=f"s3://{server.make_bucket()}/vision/resnet", server=server, install=False)
    remote = open_remote(project_of(repo))
    assert isinstance(remote, S3Remote)
    found = notes_of(remote, "start")
    assert isinstance(found, S3Notes)
    return found


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_notes(kind: str, tmp_path: Path, make_repo: MakeRepo, s3_server: Server) -> None:
    notes = notes_of(kind, tmp_path, make_repo, s3_server)
    assert (notes.read("none"), notes.names()) == (None, set())
    notes.write("a.b-1", {"x": [1]})
    notes.write("welcome", {"x": 2})
    notes.write("welcome", {"x": 3})
    assert notes.names() == {"a.b-1", "welcome"}
    assert (notes.read("a.b-1"), notes.read("welcome")) == ({"x": [1]}, {"x": 3})
    notes.remove(["a.b-1", "never"])
    assert notes.names() == {"welcome"}


def meet(places: RankPlaces, job: str) -> tuple[Leader, Follower]:
    """Two ranks of a job, which have met."""
    leader, follower, greeted = Leader(places, 2, job, "main"), Follower(places, 1), dict[str, object]()
    left = 3

    def alive() -> bool:
        nonlocal left
        left -= 1
        return left > 0

    assert not follower.meet(alive)  # nobody has greeted this one
    leader._greet(places.near, greeted)
    assert follower.meet(lambda: True)
    leader._greet(places.near, greeted)
    assert leader.is_near(1)
    return leader, follower


def test_nobody_takes_the_words_of_a_dead_start_for_an_answer(make_repo: MakeRepo) -> None:
    """The same ranks start twice, under one attempt; the second time rank 1 finds the first one's welcome."""
    places = RankPlaces(project_of(make_repo(install=False)), "start", "1")
    first, follower = meet(places, "one")
    assert (follower.job, follower.run, follower.is_near) == ("one", "main", True)
    first.say(take=3)
    second, again = meet(places, "two")
    assert again.job == "two"
    assert again.state() == {}
    assert follower.state() == {"take": 3}
    again.say("3", {"files": []})
    follower.say("3", {"files": [["of", "another", "start"]]})
    assert [second.read(name, notes) for name, notes in second.heard().items()] == [{"files": []}]
    again.leave()
    second.leave()
    assert places.near.names() == {"one.3-1", "one.state"}


class Pair:
    """Two ranks that agree on steps: their processes' sides, and what their background processes do."""

    def __init__(self, places: RankPlaces, tmp_path: Path) -> None:
        leader, follower = meet(places, "one")
        folders = [RunFolder(tmp_path / str(rank), "main") for rank in range(2)]
        for folder in folders:
            folder.path.mkdir()
        lead = LeaderAgreement(folders[0], leader, 2, 60.0)
        follow = FollowerAgreement(folders[1], follower)
        self.signals = [EndSignals(), EndSignals()]

        def look() -> None:
            lead.look()
            follow.look(leader.state)

        self.look = look
        self.leave = follow.leave
        self.ranks = [StepAgreement(folders[rank], 60.0, self.signals[rank], look) for rank in range(2)]

    def reach(self, rank: int, steps: range, *, is_time: bool = False) -> list[int]:
        """The steps of these that are saved."""
        found = []
        for step in steps:
            if self.ranks[rank].reached(step, is_time=is_time) == SAVE:
                found.append(step)
            self.look()
        return found


@pytest.fixture
def pair(make_repo: MakeRepo, tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(RankPlaces(project_of(make_repo(install=False)), "start", "1"), tmp_path)
    yield pair
    for rank in pair.ranks:
        rank.close()


def test_a_slow_rank_saves_at_the_steps_at_which_the_fast_one_has(pair: Pair) -> None:
    fast = pair.reach(0, range(9), is_time=True)
    assert len(fast) > 2
    assert pair.reach(1, range(9)) == fast
    pair.signals[1].number, pair.signals[1].since = signal.SIGTERM, time.monotonic()
    ends = [pair.ranks[rank].reached(step, is_time=False) for step in (9, 10) for rank in (1, 0)]
    assert ends == [SAVE, SAVE, signal.SIGTERM, signal.SIGTERM], "a save was agreed on before"


def test_a_signal_that_comes_while_a_save_is_agreed_on(pair: Pair) -> None:
    assert pair.ranks[0].reached(0, is_time=True) is None
    pair.signals[0].number, pair.signals[0].since = signal.SIGUSR1, time.monotonic()
    ends = [pair.ranks[rank].reached(step, is_time=False) for step in (1, 2) for rank in (0, 1)]
    assert ends[-2:] == [signal.SIGUSR1] * 2
    assert SAVE not in ends


def test_nobody_waits_for_a_rank_that_has_left(pair: Pair) -> None:
    pair.leave()
    assert pair.reach(0, range(6), is_time=True)


def test_ranks_that_do_not_answer_cost_a_save_and_no_training(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(step_agreement, "PATIENCE", 0.1)
    alone = StepAgreement(RunFolder(tmp_path / "1", "main"), 0.2, pair.signals[1], lambda: None)
    pair.ranks[0].reached(0, is_time=True)
    pair.look()
    assert [alone.reached(step, is_time=False) for step in range(3)] == [None] * 3
    assert capsys.readouterr().err.count("the other ranks have not agreed on a step to save within 0 seconds") == 1
    pair.signals[1].number, pair.signals[1].since = signal.SIGTERM, time.monotonic()
    with pytest.raises(SystemExit, match="143"):
        alone.reached(3, is_time=False)
    alone.close()


class Ending:
    """A background process that says its last word and ends, before this one has read it."""

    def __init__(self, job: RunJob, name: str, says: dict[str, object]) -> None:
        self._job, self._name, self._says = job, name, says

    def has_ended(self) -> bool:
        self._job.folder.write(self._name, self._says)
        return True

    def tell(self) -> None:
        pass


def test_the_last_word_of_a_background_process_is_heard(tmp_path: Path) -> None:
    """A job with nothing left to do is over as soon as it has begun."""
    job = RunJob(tmp_path, RunFolder(tmp_path, "main"), 0, "one")
    ending = Ending(job, training.RESUMED, {"from": {"step": 5}})
    assert training.going_on(job, cast(Background, ending)) == {"step": 5}
    ending = Ending(job, training.MET, {"rank": 1, "run": "other", "job": "two"})
    met = training.wait_for_all(job, cast(Background, ending), RankPlace(1, 2, "attempt"))
    assert (met.folder.name, met.id) == ("other", "two")
