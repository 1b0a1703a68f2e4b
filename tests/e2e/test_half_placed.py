"""A placement or a removal that fails half-way is finished or undone later, and never committed as the user's edit."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.sync.sync_policy import CHECKOUT, PRE_COMMIT, QUERY, SyncPolicy
from cpv_hooks.worktree import removal
from support import engine
from support.repos import SETTINGS, ModelRepo

RUNS = SETTINGS + '[artifacts]\nextra = ["wandb"]\n'


def relink(repo: ModelRepo, name: str, to: str) -> None:
    (repo.path / name).unlink(missing_ok=True)
    (repo.path / name).symlink_to(to)


@pytest.fixture
def runs(make_repo: MakeRepo) -> ModelRepo:
    """Two runs as W&B leaves them: a link to the folder of the latest, which DVC does not version."""
    repo = make_repo(settings=RUNS)
    for number in ("1", "2"):
        repo.write(f"wandb/run-{number}/x", number)
        relink(repo, "wandb/latest-run", f"run-{number}")
        repo.commit(f"run {number}")
    return repo


def contents(repo: ModelRepo) -> set[str]:
    return set(repo.tree("wandb"))


def test_a_link_to_a_folder_goes_and_comes_with_its_folder(runs: ModelRepo) -> None:
    for _ in range(2):
        assert runs.git("checkout", "-q", "HEAD^").err == ""
        assert contents(runs) == {"run-1/x"}
        assert runs.dvc("status", "-q").text == "", "a link that leads nowhere would stop DVC"
        assert runs.git("checkout", "-q", "main").err == ""
        assert os.readlink(runs.path / "wandb/latest-run") == "run-2"
        assert contents(runs) - {"latest-run/x"} == {"run-1/x", "run-2/x"}
        assert runs.changes() == []
    runs.write("code.py", "1")
    runs.git("add", "code.py")
    runs.commit("code")
    assert runs.git("show", "--name-only", "--format=").lines == ["code.py"]


def test_a_link_that_still_leads_somewhere_stays(runs: ModelRepo) -> None:
    relink(runs, "wandb/latest-run", "run-1")
    runs.git("checkout", "-q", "HEAD^")
    assert os.readlink(runs.path / "wandb/latest-run") == "run-1"


def test_an_artifact_that_goes_takes_its_links_along(runs: ModelRepo) -> None:
    assert runs.git("checkout", "-q", "HEAD^^").err == ""
    assert not (runs.path / "wandb").exists()
    assert runs.git("checkout", "-q", "main").err == ""
    assert os.readlink(runs.path / "wandb/latest-run") == "run-2"
    assert runs.cpv("rescue", "list").out == ""


def test_a_link_to_a_file_that_changes_keeps_its_own_content(make_repo: MakeRepo) -> None:
    repo = make_repo(settings=RUNS, files={"wandb/a": "one", "wandb/last": "one"})
    repo.write("wandb/b", "one")
    repo.write("wandb/a", "two")
    relink(repo, "wandb/last", "b")
    repo.commit("second")
    repo.git("checkout", "-q", "HEAD^")
    assert (repo.read("wandb/a"), repo.read("wandb/last")) == (b"one", b"one")
    assert repo.changes() == []
    assert repo.dvc("status", "-q").text == ""


@pytest.fixture
def stopped(make_repo: MakeRepo) -> ModelRepo:
    """A checkout that has removed some, and then meets a file that it must not touch."""
    repo = make_repo(files={"data/a/x": "1", "data/b": "1"})
    repo.write(".dvcignore", "*.tmp\n")
    repo.write("data/a/mine.tmp", "mine")
    repo.git("add", "-A")
    repo.commit("ignored")
    repo.run("mv", "data/a", "../aside")
    repo.run("rm", "data/b")
    repo.write("data/a", "2")
    repo.write("data/c", "2")
    repo.commit("second")
    repo.git("checkout", "-q", "HEAD^")
    repo.write("data/a/mine.tmp", "mine")
    result = repo.git("checkout", "-q", "main", status=1)
    assert f"{repo.path}/data/a: a folder with files that CPV does not know is in its place" in result.err
    assert not (repo.path / "data/b").exists()
    return repo


def test_what_was_stopped_is_finished_and_not_committed(stopped: ModelRepo) -> None:
    stopped.run("mv", "data/a", "../mine")
    stopped.write("code.py", "1")
    stopped.git("add", "code.py")
    stopped.commit("code")
    assert stopped.git("show", "--name-only", "--format=").lines == ["code.py"]
    assert stopped.tree("data").keys() == {"a", "c"}
    assert stopped.cpv("rescue", "list").out == ""


def test_what_was_stopped_is_undone_by_going_back(stopped: ModelRepo) -> None:
    stopped.git("checkout", "-q", "-f", "HEAD^")
    assert stopped.tree("data").keys() == {"a/mine.tmp", "a/x", "b"}
    assert stopped.read("data/a/mine.tmp") == b"mine"
    assert stopped.changes() == []
    assert stopped.cpv("rescue", "list").out == ""


def test_a_look_that_fails_leaves_the_mark(stopped: ModelRepo) -> None:
    relink(stopped, "data/lost", "/nowhere/at/all")
    stopped.git("status")
    (stopped.path / "data/lost").unlink()
    stopped.run("mv", "data/a", "../mine")
    engine.run(stopped, PRE_COMMIT)
    assert stopped.tree("data").keys() == {"a", "c"}
    assert stopped.changes() == []


def test_an_edit_of_what_was_stopped_is_kept(stopped: ModelRepo) -> None:
    stopped.write("data/new", "edit")
    stopped.run("mv", "data/a", "../mine")
    assert stopped.changes() == []
    assert stopped.tree("data").keys() == {"a", "c"}
    number, _, _, path, *_ = stopped.cpv("rescue", "list").out.split("\t")
    stopped.cpv("rescue", "restore", number)
    assert path == "data" and stopped.read("data/new") == b"edit"


@pytest.mark.parametrize("policy", [QUERY, PRE_COMMIT, CHECKOUT], ids=lambda policy: policy.name)
def test_a_removal_that_fails_half_way_goes_on(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch, policy: SyncPolicy
) -> None:
    repo = make_repo(install=False, files={"data/a": "1", "data/b": "1"})
    engine.run(repo, QUERY)
    repo.git("rm", "-q", "data.dvc")

    def fail(root: Path, names: Iterable[str]) -> None:
        (root / "a").unlink()
        raise PermissionError(errno.EACCES, "no", str(root / "b"))

    with monkeypatch.context() as patch:
        patch.setattr(removal, "remove_files", fail)
        report = engine.run(repo, CHECKOUT)
    assert [str(error) for error in report.errors] == [
        f"{repo.path}/data/b: no permission to write; fix: "
        f"lsattr -d {repo.path}/data/b (sudo chattr -i makes it changeable), then repeat the command"
    ]
    assert repo.tree("data").keys() == {"b"}
    engine.run(repo, policy)
    assert not (repo.path / "data").exists()


@pytest.mark.parametrize("policy", [QUERY, PRE_COMMIT, CHECKOUT], ids=lambda policy: policy.name)
def test_a_removal_that_fails_half_way_is_undone_where_the_pointer_returns(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch, policy: SyncPolicy
) -> None:
    repo = make_repo(install=False, files={"data/a": "1", "data/b": "1"})
    engine.run(repo, QUERY)
    pointer = repo.read("data.dvc")
    repo.git("rm", "-q", "data.dvc")
    with monkeypatch.context() as patch:
        patch.setattr(removal, "remove_files", lambda root, names: (root / "a").unlink() or 1 / 0)
        with pytest.raises(ZeroDivisionError):
            engine.run(repo, CHECKOUT)
    repo.write("data.dvc", pointer)
    engine.run(repo, policy)
    assert repo.tree("data").keys() == {"a", "b"}
    assert repo.read("data.dvc") == pointer


def test_a_folder_that_could_not_take_the_place_of_a_file_leaves_no_edit(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make_repo(install=False, files={"x/a": "1"})
    second = repo.read("x.dvc")
    repo.run("rm", "-r", "x", "x.dvc")
    repo.write("x", "file")
    repo.dvc("add", "-q", "x")
    engine.run(repo, QUERY)
    repo.write("x.dvc", second)

    def fail(*args: object, **rest: object) -> None:
        raise OSError(errno.ENOSPC, "no")

    with monkeypatch.context() as patch:
        patch.setattr("cpv_hooks.sync.placement.place_directory", fail)
        engine.run(repo, CHECKOUT)
    engine.run(repo, PRE_COMMIT)
    assert repo.read("x.dvc") == second
    assert repo.read("x/a") == b"1"


def test_a_file_of_the_users_is_no_folder(make_repo: MakeRepo) -> None:
    repo = make_repo(install=False, files={"models/net.bin": "1"})
    repo.dvc("remove", "models.dvc")
    repo.dvc("add", "-q", "models/net.bin")
    engine.run(repo, QUERY)
    repo.run("rm", "-r", "models/net.bin")
    pointer = repo.read("models/net.bin.dvc")
    repo.run("rm", "-r", "models")
    repo.write("models", "mine")
    from cpv_hooks.dvcformat.pointer import parse_pointers
    from cpv_hooks.errors import CPVError
    from cpv_hooks.worktree.materialise import place_file

    with pytest.raises(CPVError, match=f"{repo.path}/models: there is a file where a folder should be; fix: mv"):
        place_file(engine.workspace(repo), parse_pointers(pointer.decode(), "models/net.bin.dvc")[0])
    assert repo.read("models") == b"mine"


def test_a_rescue_that_comes_back_half_way_is_undone(make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    from cpv_hooks.dvcformat.pointer import Content
    from cpv_hooks.recovery.restore_rescue import restore_rescue
    from cpv_hooks.worktree.rescue_list import record

    repo = make_repo(files={"data/a": "1", "data/b": "1"})
    old = engine.pointer(repo, "data")
    repo.write("data/b", "2")
    repo.write("data/c", "2")
    repo.commit("second")
    found = record(engine.git_repo(repo), "data", Content(old.oid or "", 2, 2), why="a test")

    def fail(root: Path, names: Iterable[str]) -> None:
        (root / "c").unlink()
        raise OSError(errno.EIO, "no", str(root))

    with monkeypatch.context() as patch:
        patch.setattr("cpv_hooks.worktree.materialise.remove_files", fail)
        with pytest.raises(OSError):
            restore_rescue(engine.git_repo(repo), found.number)
    assert repo.changes() == []
    assert repo.tree("data").keys() == {"a", "b", "c"}
    restore_rescue(engine.git_repo(repo), found.number)
    assert repo.changes() == [" M data.dvc"]
    assert repo.tree("data").keys() == {"a", "b"}


def test_a_link_to_a_link_comes_back_with_it(runs: ModelRepo) -> None:
    links = [f"wandb/{letter}" for letter in "dbfaec"]
    for link, to in zip(links, ["latest-run", *map(os.path.basename, links)], strict=False):
        os.symlink(to, runs.path / link)
    runs.git("checkout", "-q", "HEAD~1")
    assert not any(os.path.lexists(runs.path / link) for link in links)
    runs.git("checkout", "-q", "-")
    assert [link for link in links if not (runs.path / link).is_dir()] == []
    assert runs.git("status", "--porcelain").text == ""
