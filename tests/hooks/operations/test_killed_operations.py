"""SIGKILL at every step of every operation: the next run, whatever it is, finds all as it was before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from cpv_hooks.git.repo import Repo
from cpv_hooks.operations.make.tag import plan_tag
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.recovery import transaction
from support.killed import kill_at, steps_of
from support.repos import ModelRepo


@dataclass(frozen=True)
class State:
    """All that a user, Git and DVC can see."""

    tree: dict[str, str]
    refs: str
    head: str
    reflogs: str
    status: str
    staged: str

    @classmethod
    def of(cls, repo: ModelRepo) -> State:
        # Without CPV's own look, which would bring pointers up to date.
        quiet = ("-c", "core.fsmonitor=false")
        return cls(
            repo.tree(),
            repo.git("for-each-ref").out,
            (repo.path / ".git/HEAD").read_text(),
            repo.git("reflog", "HEAD").out + repo.git("reflog", "main").out,
            repo.git(*quiet, "status", "--porcelain").out,
            repo.git(*quiet, "ls-files", "--stage").out,
        )


def by_itself(repo: ModelRepo) -> None:
    transaction.recover(Repo.discover(repo.path))


def by_git_status(repo: ModelRepo) -> None:
    repo.git("status")


def by_the_next_operation(repo: ModelRepo) -> None:
    plan_tag(Project.find_all(Repo.discover(repo.path))[0], [Line.DATA])


UPLOAD = "plan_upload(project, MODEL, Path('../new.bin'), metrics={'loss': 1}).run()"
TAG = "plan_tag(project, [MODEL, DATA]).run()"
WHOLE = "plan_revert(project, [MODEL], 'v0.0', force=True).run()"
BACK = "plan_revert(project, [DATA], 'data-v0.0').run()"

STEPS = {
    UPLOAD: ["cache", "upload", "place model.bin", "place metrics.log", "pointers", "commit", "tag", "done"],
    # The pointer of the model is written already, by the look that a status took.
    TAG: ["cache", "upload", "commit", "tag", "done"],
    WHOLE: ["fetch", "pointers", "checkout", "remove extra.bin", "place data", "place model.bin", "done"],
    BACK: ["fetch", "place data", "pointers", "done"],
}


@pytest.mark.parametrize(
    ("call", "recover"),
    [(UPLOAD, by_itself), (TAG, by_the_next_operation), (WHOLE, by_git_status), (BACK, by_git_status)],
)
def test_a_kill_at_any_step_is_undone(two: ModelRepo, call: str, recover: Callable[[ModelRepo], None]) -> None:
    two.write("../new.bin", b"new")
    two.write("model.bin", b"unsaved")
    two.write("staged.py", "1\n")
    two.git("add", "staged.py")
    assert two.changes() == [" M model.bin.dvc", "A  staged.py"]
    before = State.of(two)
    for step in STEPS[call]:
        kill_at(two, step, call)
        assert transaction.left(Repo.discover(two.path)), step
        recover(two)
        assert State.of(two) == before, step
        assert not (two.path / ".git/cpv/journal").exists()
    two.git("fsck", "--full", "--strict")
    two.dvc("status", "-q", status=None)
    assert steps_of(two, call) == STEPS[call]
    assert two.git("fsck", "--full", "--strict", "--no-dangling").text == ""


def test_a_commit_after_a_kill_is_stopped_once(two: ModelRepo) -> None:
    """Git has read HEAD before the hook runs, so the commit must be said again."""
    two.write("model.bin", b"unsaved")
    kill_at(two, "tag", TAG)
    before = two.git("rev-parse", "HEAD^").out
    stopped = two.git("commit", "-qm", "mine", "--allow-empty", status=1)
    assert "cpv: an interrupted operation was undone first; fix: git status, then run the same command" in (stopped.err)
    assert two.git("rev-parse", "HEAD").out == before
    two.git("commit", "-qm", "mine")
    assert two.git("rev-parse", "HEAD^").out == before
    assert two.changes() == []


def test_a_push_after_a_kill_is_stopped_once(two: ModelRepo) -> None:
    two.run("git", "init", "-q", "--bare", "../host.git")
    two.git("remote", "add", "origin", "../host.git")
    two.write("model.bin", b"unsaved")
    kill_at(two, "tag", TAG)
    two.git("push", "-q", "origin", "main", status=1)
    assert two.run("git", "--git-dir", "../host.git", "for-each-ref").out == ""
    two.git("push", "-q", "origin", "main")


def test_a_commit_that_it_stops_says_so_without_a_warning(two: ModelRepo) -> None:
    two.write("model.bin", b"unsaved")
    kill_at(two, "pointers", TAG)
    picked = two.git("rev-parse", "HEAD").out
    two.write(".git/CHERRY_PICK_HEAD", picked)
    said = two.git("commit", "-qm", "mine", status=1).err
    assert said.splitlines() == ["cpv: an interrupted model and data tag is incomplete; fix: dvc cpv recover"]


def test_a_git_command_that_writes_leaves_it_alone_and_says_so(two: ModelRepo) -> None:
    two.write("model.bin", b"unsaved")
    kill_at(two, "pointers", TAG)
    two.write("model.bin", b"trained on")
    told = two.git("add", "-A").err
    assert "cpv: warning: an interrupted model and data tag is incomplete; fix: dvc cpv recover" in told
    assert transaction.left(Repo.discover(two.path))
    assert "cpv: undid an interrupted model and data tag of " in two.cpv("recover").err


def test_what_the_user_committed_since_stays(two: ModelRepo) -> None:
    two.write("model.bin", b"unsaved")
    kill_at(two, "commit", TAG)
    two.git("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "commit", "-qam", "mine")
    head = two.head()
    by_itself(two)
    assert two.head() == head
    assert two.read("model.bin") == b"unsaved"
    assert two.changes() == []


def test_what_the_user_trained_since_stays(two: ModelRepo) -> None:
    two.write("../new.bin", b"new")
    kill_at(two, "pointers", UPLOAD)
    two.write("model.bin", b"trained on")
    by_git_status(two)
    assert two.read("model.bin") == b"trained on"
    assert two.changes() == [" M model.bin.dvc"]
    two.git("commit", "-qam", "mine")
    assert two.tags()[-1] == "v1.1"
