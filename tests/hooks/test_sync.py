"""The three-way sync: each row of its table, for files and for folders, at each kind of event."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from conftest import MakeRepo

from cpv_hooks.recovery.guarded_sync import guarded_sync
from cpv_hooks.sync.sync_policy import CHECKOUT, INDEX_CHANGE, PRE_COMMIT, QUERY, SYNC, SyncPolicy
from cpv_hooks.system.locks import Busy, locked
from cpv_hooks.worktree.rescue_list import rescues
from support import engine
from support.repos import ModelRepo

FOLLOWING = [CHECKOUT, INDEX_CHANGE]
ASKING = [QUERY, PRE_COMMIT, SYNC]


@dataclass(frozen=True)
class Case:
    """An artifact, and how to give it one of three contents."""

    name: str
    write: Callable[[ModelRepo, str], None]


def write_file(repo: ModelRepo, version: str) -> None:
    repo.write("model.bin", f"model {version}")


def write_folder(repo: ModelRepo, version: str) -> None:
    """Each version has a file that the others have not, one that differs and one that is the same."""
    repo.run("rm", "-rf", "data")
    repo.write("data/same", "same")
    repo.write("data/differs", version)
    repo.write(f"data/only/in-{version}", version)


CASES = [Case("model.bin", write_file), Case("data", write_folder)]


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    """Pointers of two versions, `1` and `2`, at the commits of those names; `1` is checked out and is the base."""
    made = make_repo(install=False)
    for version in ("1", "2"):
        write_file(made, version)
        write_folder(made, version)
        engine.run(made, SYNC)
        made.git("add", "-A")
        made.git("commit", "-q", "-m", version)
        made.git("tag", f"at-{version}")
    take_pointers(made, "1")
    write_file(made, "1")
    write_folder(made, "1")
    engine.run(made, SYNC)
    assert engine.states(engine.run(made, QUERY)) == {}
    return made


def take_pointers(repo: ModelRepo, version: str) -> None:
    """What `git checkout` does to the pointers, without hooks."""
    repo.git("checkout", "-q", f"at-{version}")


def content(repo: ModelRepo, case: Case) -> object:
    path = repo.path / case.name
    return repo.tree(case.name) if path.is_dir() else path.read_bytes()


def holding(repo: ModelRepo, case: Case, version: str) -> object:
    """What the artifact holds in a version, asked of DVC."""
    folder = repo.path.parent / f"clone-{version}"
    if not folder.exists():
        repo.git("clone", "-q", repo.path, folder)
        clone = type(repo)(folder)
        clone.git("checkout", "-q", f"at-{version}")
        clone.dvc("cache", "dir", "--local", str(repo.path / ".dvc/cache"))
        clone.dvc("checkout", "-q")
    return content(type(repo)(folder), case)


def saved(repo: ModelRepo, case: Case) -> bool:
    """Whether the pointer names what stands in the work tree, by DVC's word."""
    return repo.dvc("status", f"{case.name}.dvc").out == "Data and pipelines are up to date.\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("policy", [*ASKING, *FOLLOWING], ids=lambda policy: policy.name)
def test_same_same_is_nothing(repo: ModelRepo, case: Case, policy: SyncPolicy) -> None:
    assert engine.states(engine.run(repo, policy)) == {}
    assert engine.run(repo, policy).settled


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("policy", [*ASKING, *FOLLOWING], ids=lambda policy: policy.name)
def test_a_changed_artifact_is_a_snapshot(repo: ModelRepo, case: Case, policy: SyncPolicy) -> None:
    case.write(repo, "3")
    now = content(repo, case)
    assert engine.states(engine.run(repo, policy)) == {case.name: "snapshot"}
    assert content(repo, case) == now
    assert saved(repo, case)
    assert repo.changes() == [f" M {case.name}.dvc"]
    assert engine.states(engine.run(repo, policy)) == {}


@pytest.mark.parametrize("policy", [*ASKING, *FOLLOWING], ids=lambda policy: policy.name)
def test_a_changed_pointer_is_materialised(repo: ModelRepo, policy: SyncPolicy) -> None:
    take_pointers(repo, "2")
    wanted = [holding(repo, case, "2") for case in CASES]
    assert engine.states(engine.run(repo, policy)) == {"model.bin": "materialised", "data": "materialised"}
    assert [content(repo, case) for case in CASES] == wanted
    assert repo.changes() == []
    assert engine.states(engine.run(repo, policy)) == {}


@pytest.mark.parametrize("policy", [*ASKING, *FOLLOWING], ids=lambda policy: policy.name)
def test_both_changed_to_the_same_moves_the_base(repo: ModelRepo, policy: SyncPolicy) -> None:
    take_pointers(repo, "2")
    for case in CASES:
        case.write(repo, "2")
    assert engine.states(engine.run(repo, policy)) == {"model.bin": "adopted", "data": "adopted"}
    assert repo.changes() == []
    assert engine.states(engine.run(repo, policy)) == {}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("policy", ASKING, ids=lambda policy: policy.name)
def test_both_changed_differently_is_a_conflict(repo: ModelRepo, case: Case, policy: SyncPolicy) -> None:
    repo.git("checkout", "-q", "at-2", "--", f"{case.name}.dvc")
    case.write(repo, "3")
    now, pointer = content(repo, case), repo.read(f"{case.name}.dvc")
    report = engine.run(repo, policy)
    assert engine.states(report) == {case.name: "conflict"}
    assert [str(error) for error in report.errors] == [
        f"{case.name}: pointer and artifact both changed (conflict); fix: "
        f"dvc add {case.name} (keeps the artifact) or dvc checkout -f {case.name}.dvc (the pointer's)"
    ]
    assert (content(repo, case), repo.read(f"{case.name}.dvc")) == (now, pointer), "the user chooses"
    assert [rescue.path for rescue in rescues(engine.git_repo(repo))] == [case.name], "and nothing can be lost"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("command", ["add", "checkout"])
def test_the_commands_that_settle_a_conflict_do_so(repo: ModelRepo, case: Case, command: str) -> None:
    repo.git("checkout", "-q", "at-2", "--", f"{case.name}.dvc")
    case.write(repo, "3")
    now = content(repo, case)
    [error] = engine.run(repo, QUERY).errors
    keep, _, take = str(error).split("; fix: ")[1].partition(" or ")
    chosen = keep if command == "add" else take
    repo.dvc(*chosen.split(" (")[0].split()[1:])
    assert engine.run(repo, QUERY).settled
    assert content(repo, case) == (now if command == "add" else holding(repo, case, "2"))
    assert saved(repo, case)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("policy", FOLLOWING, ids=lambda policy: policy.name)
def test_where_git_moved_the_pointer_it_wins_after_a_rescue(repo: ModelRepo, case: Case, policy: SyncPolicy) -> None:
    case.write(repo, "3")
    unsaved = {hashlib.md5(path.read_bytes()).hexdigest() for path in [repo.path / case.name] if path.is_file()}
    unsaved |= set(repo.tree("data").values()) if case.name == "data" else set()
    repo.git("checkout", "-q", "at-2", "--", f"{case.name}.dvc")
    report = engine.run(repo, policy)
    assert engine.states(report) == {case.name: "rescued"}
    assert [str(error) for error in report.errors] == [
        f"{case.name}: had unsaved content, which is kept as rescue 1; fix: dvc cpv rescue restore 1"
    ]
    assert content(repo, case) == holding(repo, case, "2")
    assert unsaved <= repo.objects()
    assert engine.states(engine.run(repo, policy)) == {}


# Artifacts that are absent


@pytest.mark.parametrize("policy", [QUERY, PRE_COMMIT], ids=lambda policy: policy.name)
def test_an_artifact_that_the_user_removed_stays_away(repo: ModelRepo, policy: SyncPolicy) -> None:
    repo.run("rm", "-r", "model.bin", "data")
    assert engine.states(engine.run(repo, policy)) == {"model.bin": "absent", "data": "absent"}
    assert repo.changes() == []
    assert not (repo.path / "model.bin").exists()


@pytest.mark.parametrize("policy", [SYNC, *FOLLOWING], ids=lambda policy: policy.name)
def test_an_artifact_that_is_absent_comes_back(repo: ModelRepo, policy: SyncPolicy) -> None:
    before = [content(repo, case) for case in CASES]
    repo.run("rm", "-r", "model.bin", "data")
    assert engine.states(engine.run(repo, policy)) == {"model.bin": "materialised", "data": "materialised"}
    assert [content(repo, case) for case in CASES] == before


def test_a_pointer_that_git_removed_takes_its_artifact_along(repo: ModelRepo) -> None:
    repo.git("rm", "-q", "model.bin.dvc", "data.dvc")
    # The names are in `.cpv.toml`'s defaults, so without `follow` they would be found again as new artifacts.
    assert engine.states(engine.run(repo, INDEX_CHANGE)) == {"model.bin": "removed", "data": "removed"}
    assert not (repo.path / "model.bin").exists()
    assert not (repo.path / "data").exists()


def test_unsaved_content_stays_when_git_removes_the_pointer(repo: ModelRepo) -> None:
    repo.git("rm", "-q", "model.bin.dvc")
    write_file(repo, "3")
    report = engine.run(repo, CHECKOUT)
    assert repo.read("model.bin") == b"model 3"
    assert [str(error).split("; ")[0] for error in report.errors] == [
        "model.bin: is no longer tracked here and has unsaved content, so it stays"
    ]


def test_a_file_that_becomes_a_folder_and_back(repo: ModelRepo) -> None:
    repo.run("rm", "model.bin")
    repo.write("model.bin/part-1", "1")
    assert engine.states(engine.run(repo, QUERY)) == {"model.bin": "snapshot"}
    assert engine.pointer(repo, "model.bin").isdir
    repo.run("rm", "-r", "model.bin")
    repo.write("model.bin", "file")
    assert engine.states(engine.run(repo, QUERY)) == {"model.bin": "snapshot"}
    assert repo.md5("model.bin") == engine.pointer(repo, "model.bin").oid


# New artifacts, and those that belong to others


def test_what_the_settings_name_becomes_an_artifact(repo: ModelRepo) -> None:
    repo.write(
        ".cpv.toml", '[artifacts]\nmodel = ["model.bin"]\ndata = ["data"]\nextra = ["heads/*.pt", "with space"]\n'
    )
    repo.write("heads/a.pt", "a")
    repo.write("heads/b.txt", "b")
    repo.write("with space", "c")
    assert engine.states(engine.run(repo, QUERY)) == {"heads/a.pt": "snapshot", "with space": "snapshot"}
    assert set(repo.git("status", "--porcelain", "-z", "-uall").out.split("\0")) - {""} == {
        " M .cpv.toml",
        " M .gitignore",
        "?? heads/.gitignore",
        "?? heads/a.pt.dvc",
        "?? heads/b.txt",
        "?? with space.dvc",
    }
    assert engine.states(engine.run(repo, QUERY)) == {}


@pytest.mark.parametrize("text", ["outs:\n- md5: [\n", "outs:\n- md5: 0123\n  path: x\n"])
def test_a_folder_that_holds_an_artifact_whose_pointer_is_broken(make_repo: MakeRepo, text: str) -> None:
    repo = make_repo(install=False)
    repo.write("data/x", "1")
    repo.write("data/x.dvc", text)
    report = engine.run(repo, PRE_COMMIT)
    assert [outcome.state for outcome in report.outcomes] == ["invalid"]
    assert not (repo.path / "data.dvc").exists(), "what the pointer says is not known"


def test_what_git_tracks_is_not_taken_from_it(repo: ModelRepo) -> None:
    repo.write("metrics.log", "{}\n")
    repo.git("add", "metrics.log")
    report = engine.run(repo, QUERY)
    assert [str(error) for error in report.errors] == [
        "metrics.log: is tracked by Git itself, so DVC cannot have it; fix: "
        "git rm -r --cached metrics.log && git commit -m 'Track metrics.log with DVC'"
    ]


def test_one_failure_never_keeps_the_others(repo: ModelRepo) -> None:
    take_pointers(repo, "2")
    for path in (repo.path / ".dvc/cache/files/md5").glob("*/*"):
        if path.read_bytes() == b"model 2":
            path.unlink()
    report = engine.run(repo, CHECKOUT._replace(fetch=False))
    assert engine.states(report) == {"model.bin": "missing", "data": "materialised"}
    assert repo.read("model.bin") == b"model 1"


def test_an_impatient_event_does_not_wait(repo: ModelRepo) -> None:
    git = engine.git_repo(repo)
    with locked(git.state / "lock", wait=False, say="testing"), pytest.raises(Busy):
        guarded_sync(git, QUERY._replace(patient=False))


def test_outside_a_cpv_repository_nothing_is_done(repo: ModelRepo) -> None:
    repo.git("init", "-q", "../plain")
    plain = type(repo)(repo.path.parent / "plain")
    plain.write("model.bin", "x")
    assert engine.run(plain, CHECKOUT).outcomes == []
    assert plain.changes() == ["?? model.bin"]
