"""What CPV moved out of the way is on a list, and comes back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from conftest import MakeRepo

from cpv_hooks.dvcformat.pointer import Content
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.recovery.restore_rescue import restore_rescue
from cpv_hooks.worktree.rescue_list import Rescue, drop_rescues, record, rescues
from support.repos import ModelRepo
from support.shell import Shell

OID = "d41d8cd98f00b204e9800998ecf8427e"


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    return make_repo(files={"model.bin": b"one", "data/a": b"1", "data/b": b"2"})


def note(repo: Repo, path: str = "model.bin", oid: str = OID) -> Rescue:
    return record(repo, path, Content(oid, 0), why="post-checkout")


def test_the_list_is_empty_at_first(repo: ModelRepo) -> None:
    assert list(rescues(Repo.discover(repo.path))) == []


def test_rescues_are_numbered_and_dated(repo: ModelRepo) -> None:
    git = Repo.discover(repo.path)
    first, second = note(git), note(git, "data", f"{OID}.dir")
    assert (first.number, second.number) == (1, 2)
    assert list(rescues(git)) == [first, second]
    assert datetime.now(UTC) - datetime.fromisoformat(first.when) < timedelta(minutes=5)
    assert note(git) == first, "the same content is listed once"


@pytest.mark.parametrize("lines", [b'[]\n{"number": 7}\nnull\n{"number": 2, "when"', b"\xff\xfe\n"])
def test_damaged_lines_are_passed_over(repo: ModelRepo, lines: bytes) -> None:
    git = Repo.discover(repo.path)
    first = note(git)
    with (git.shared / "rescues.jsonl").open("ab") as stream:
        stream.write(lines)
    assert list(rescues(git)) == [first]


def test_a_rescue_after_a_torn_line_is_not_lost(repo: ModelRepo) -> None:
    """A kill in the middle of an append leaves half a line without its end."""
    git = Repo.discover(repo.path)
    first = note(git)
    with (git.shared / "rescues.jsonl").open("ab") as stream:
        stream.write(b'{"number": 2, "when"')
    second = note(git, oid="0" * 32)
    assert list(rescues(git)) == [first, second]


def test_a_checkout_that_git_was_forced_to_do_rescues_first(repo: ModelRepo) -> None:
    repo.write("model.bin", b"two")
    repo.commit("second")
    repo.git("config", "core.fsmonitor", "false")  # so that Git does not see the change and refuse
    repo.write("model.bin", b"unsaved")
    said = repo.git("checkout", "-q", "v0.0").err.splitlines()
    assert [line for line in said if "brought" not in line] == [
        "cpv: warning: model.bin: had unsaved content, which is kept as rescue 1; fix: dvc cpv rescue restore 1"
    ]
    assert repo.read("model.bin") == b"one"
    git = Repo.discover(repo.path)
    assert [(r.path, r.size) for r in rescues(git)] == [("model.bin", 7)]

    assert restore_rescue(git, 1, str(repo.path / "copy.bin")) == repo.path / "copy.bin"
    assert repo.read("copy.bin") == b"unsaved"
    restore_rescue(git, 1)
    assert repo.read("model.bin") == b"unsaved"
    assert repo.changes() == [" M model.bin.dvc", "?? copy.bin"]


def test_restore_of_a_directory_brings_it_back_whole(repo: ModelRepo) -> None:
    repo.write("data/a", b"11")
    repo.commit("second")
    repo.git("config", "core.fsmonitor", "false")
    repo.write("data/a", b"unsaved")
    repo.write("data/sub/new", b"new")
    (repo.path / "data/b").unlink()
    unsaved = repo.tree("data")
    repo.git("checkout", "-q", "data-v0.0")
    assert set(repo.tree("data")) == {"a", "b"}
    restore_rescue(Repo.discover(repo.path), 1)
    assert repo.tree("data") == unsaved


def test_what_stands_in_the_place_is_safe_when_a_rescue_comes_back(repo: ModelRepo) -> None:
    git = Repo.discover(repo.path)
    repo.write("model.bin", b"two")
    repo.commit("second")
    record(git, "model.bin", Content(hashlib.md5(b"one").hexdigest(), 3), why="test")
    repo.write("model.bin", b"not committed")
    restore_rescue(git, 1)
    assert repo.read("model.bin") == b"one"
    assert hashlib.md5(b"not committed").hexdigest() in repo.objects()


@pytest.mark.parametrize("number", [0, 2, -1])
def test_a_number_that_is_not_listed(repo: ModelRepo, number: int) -> None:
    git = Repo.discover(repo.path)
    note(git)
    with pytest.raises(CPVError) as caught:
        restore_rescue(git, number)
    assert str(caught.value) == f"{git.top}: there is no rescue {number}; fix: dvc cpv rescue list"


def test_a_place_that_is_taken(repo: ModelRepo) -> None:
    git = Repo.discover(repo.path)
    note(git)
    repo.write("README", "x")
    with pytest.raises(CPVError) as caught:
        restore_rescue(git, 1, str(repo.path / "README"))
    assert str(caught.value) == f"{repo.path}/README: exists already; fix: name another --output"
    assert repo.read("README") == b"x"


def test_content_that_is_gone_from_the_cache(repo: ModelRepo) -> None:
    git = Repo.discover(repo.path)
    note(git, oid="0" * 32)
    with pytest.raises(CPVError) as caught:
        restore_rescue(git, 1)
    assert str(caught.value) == (f"rescue 1: the cache lost object {'0' * 32}; fix: look for a copy in other clones")
    assert repo.read("model.bin") == b"one"


# Dropping


@pytest.fixture
def git(shell: Shell) -> Repo:
    """A repository with three rescues, the first of them two months old."""
    shell.git("init", "-q")
    git = Repo.discover(shell.path)
    for oid in ("1" * 32, "2" * 32, "3" * 32):
        record(git, "model.bin", Content(oid, 0), why="post-checkout")
    lines = (git.shared / "rescues.jsonl").read_text().splitlines()
    old = json.loads(lines[0]) | {"when": (datetime.now(UTC) - timedelta(days=60)).isoformat()}
    (git.shared / "rescues.jsonl").write_text("\n".join([json.dumps(old), *lines[1:], '{"torn']))
    return git


def numbers(found: Iterable[Rescue]) -> list[int]:
    return [rescue.number for rescue in found]


def test_rescues_are_dropped_by_number(git: Repo) -> None:
    assert numbers(drop_rescues(git, [3, 1])) == [1, 3]
    assert numbers(rescues(git)) == [2]
    assert drop_rescues(git) == []
    assert numbers(rescues(git)) == [2]


def test_an_unknown_number_drops_nothing(git: Repo) -> None:
    with pytest.raises(CPVError, match=r"there is no rescue 4; fix: dvc cpv rescue list"):
        drop_rescues(git, [1, 4])
    assert numbers(rescues(git)) == [1, 2, 3]


def test_rescues_are_dropped_by_age_and_all_at_once(git: Repo) -> None:
    assert numbers(drop_rescues(git, before=datetime.now(UTC) - timedelta(days=30))) == [1]
    assert numbers(drop_rescues(git, everything=True)) == [2, 3]
    assert list(rescues(git)) == []
    assert record(git, "model.bin", Content(OID, 0), why="post-checkout").number == 1


def test_the_command_says_what_it_dropped(git: Repo) -> None:
    shell = Shell(git.top)
    assert (
        shell.cpv("rescue", "drop", "2").err.splitlines()[0].startswith("cpv: dropped rescue 2: model.bin, 0 B, of 20")
    )
    assert shell.cpv("rescue", "drop", "--older-than", "30d").err.splitlines()[1:] == [
        "cpv: run `dvc cpv prune` to free the space"
    ]
    assert [item["number"] for item in json.loads(shell.cpv("rescue", "list", "--json").out)] == [3]
    assert shell.cpv("rescue", "drop", "--older-than", "1w").err == "cpv: no rescue to drop\n"
    assert shell.cpv("rescue", "drop", "--older-than", "soon", status=1).err == (
        "cpv: 'soon' is not an age; fix: write 12h, 30d, 8w or 1y\n"
    )
    assert shell.cpv("rescue", "drop", "3", "--all", status=1).err == (
        "cpv: name the rescues to drop, in one of three ways; "
        "fix: dvc cpv rescue drop 3, or --older-than 30d, or --all\n"
    )
