"""Which checkpoints in a folder are finished, and how one is taken."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from cpv_hooks.runs.watched_folder import WatchedFolder, step_in


def put(folder: Path, name: str, content: str = "weights") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def names(watched: WatchedFolder, now: float, *, writer_ended: bool = False) -> list[str]:
    return [found.path.name for found in watched.finished(now, writer_ended=writer_ended)]


def test_what_does_not_change_for_a_while_is_finished(tmp_path: Path) -> None:
    watched = WatchedFolder(tmp_path, "*", 5.0, None)
    put(tmp_path, "checkpoint-1/a")
    assert names(watched, 0.0) == []
    put(tmp_path, "checkpoint-1/b")
    assert names(watched, 4.0) == []
    assert names(watched, 8.9) == []
    assert names(watched, 9.0) == ["checkpoint-1"]


def test_a_marker_tells_it_at_once_and_nothing_else_does(tmp_path: Path) -> None:
    watched = WatchedFolder(tmp_path, "*", 5.0, "done")
    put(tmp_path, "checkpoint-1/a")
    assert names(watched, 0.0) == names(watched, 99.0) == []
    put(tmp_path, "checkpoint-1/done", "")
    assert names(watched, 99.0) == ["checkpoint-1"]


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ({"__0_0.distcp": "a", "meta.pt": "b"}, {".metadata": "c"}),
        ({"model_0/__0_0.distcp": "a", "model_0/.metadata": "b", "optimizer_0/__1_0.distcp": "c"},
         {"optimizer_0/.metadata": "d"}),
        ({"__0_0.distcp": "a", "__0.metadata": "b", "__1_0.distcp": "c"}, {"__1.metadata": "d"}),
        ({"_CHECKPOINT_METADATA": '{"commit_timestamp_nsecs": null}', "default/d/1": "a"},
         {"_CHECKPOINT_METADATA": '{"commit_timestamp_nsecs": 17}'}),
        ({"_CHECKPOINT_METADATA": '{"commit_timestamp_nsecs": null}', "d/1": "a"}, {"commit_success.txt": "done"}),
    ],
)  # fmt: skip
def test_all_processes_that_write_a_folder_have_to_be_done(
    tmp_path: Path, first: dict[str, str], last: dict[str, str]
) -> None:
    watched = WatchedFolder(tmp_path, "*", 0.0, None)
    for name, content in first.items():
        put(tmp_path, f"5/{name}", content)
    assert names(watched, 99.0) == names(watched, 99.0, writer_ended=True) == []
    assert watched.unfinished() == ["5"]
    for name, content in last.items():
        put(tmp_path, f"5/{name}", content)
    assert names(watched, 100.0) == ["5"]
    assert watched.unfinished() == []


def test_what_was_written_last_before_may_not_speak_for_a_folder_that_is_written_again(tmp_path: Path) -> None:
    watched = WatchedFolder(tmp_path, "*", 0.0, None)
    put(tmp_path, "last/__0_0.distcp", "a")
    os.utime(put(tmp_path, "last/.metadata", "b"), ns=(1, 1))
    assert names(watched, 99.0) == []
    assert names(watched, 99.0, writer_ended=True) == ["last"]  # a copy may have other times, and nobody writes now


def test_an_item_of_a_checkpoint_is_still_written(tmp_path: Path) -> None:
    watched = WatchedFolder(tmp_path, "*", 0.0, None)
    item = put(tmp_path, "5/default.orbax-checkpoint-tmp/d/1").parents[1]
    assert names(watched, 99.0, writer_ended=True) == []
    item.rename(tmp_path / "5/default")
    assert names(watched, 99.0) == ["5"]


def test_a_program_that_has_ended_well_has_finished_all(tmp_path: Path) -> None:
    watched = WatchedFolder(tmp_path, "*.pt", 5.0, "done")
    put(tmp_path, "step_1.pt")
    put(tmp_path, "log.txt")
    assert names(watched, 0.0) == []
    assert names(watched, 0.0, writer_ended=True) == ["step_1.pt"]


def test_what_was_there_before_is_left_alone_until_it_changes(tmp_path: Path) -> None:
    put(tmp_path, "checkpoint-1/a")
    watched = WatchedFolder(tmp_path, "*", 0.0, None)
    assert names(watched, 0.0) == []
    put(tmp_path, "checkpoint-1/a", "other weights")
    assert names(watched, 1.0) == ["checkpoint-1"]


@pytest.mark.parametrize(
    "name",
    [".hidden", "tmp-checkpoint-5", "x.tmp", "x.PART", "5.orbax-checkpoint-tmp-7", "5.orbax-checkpoint-tmp", "a~"],
)
def test_temporary_names_links_and_empty_folders_are_none(tmp_path: Path, name: str) -> None:
    watched = WatchedFolder(tmp_path, "*", 0.0, None)
    put(tmp_path, name)
    (tmp_path / "empty").mkdir()
    (tmp_path / "last").symlink_to(tmp_path / name)
    assert names(watched, 0.0, writer_ended=True) == []


def test_one_that_is_taken_outlives_its_rotation(tmp_path: Path) -> None:
    folder, target = tmp_path / "out", tmp_path / "taken"
    watched = WatchedFolder(folder, "*", 0.0, None)
    source = put(folder, "checkpoint-1/sub/a")
    [found] = watched.finished(0.0)
    assert watched.take(found, target)
    assert (target / "sub/a").stat().st_ino == source.stat().st_ino
    shutil.rmtree(folder / "checkpoint-1")
    assert (target / "sub/a").read_text() == "weights"
    assert names(watched, 1.0) == []


def test_one_that_is_written_over_is_copied(tmp_path: Path) -> None:
    folder, target = tmp_path / "out", tmp_path / "taken"
    watched = WatchedFolder(folder, "*", 0.0, None)
    source = put(folder, "last.ckpt")
    [found] = watched.finished(0.0)
    assert found.step is None
    assert watched.take(found, target)
    with source.open("w") as stream:
        stream.write("half of the n")
    assert (target / "last.ckpt").read_text() == "weights"


def test_one_that_changes_meanwhile_is_not_taken(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    watched = WatchedFolder(folder, "*", 0.0, None)
    put(folder, "checkpoint-1/a")
    put(folder, "checkpoint-1/b")
    [found] = watched.finished(0.0)
    put(folder, "checkpoint-1/c")
    assert not watched.take(found, tmp_path / "one")
    [found] = watched.finished(1.0)
    os.unlink(folder / "checkpoint-1/b")
    assert not watched.take(found, tmp_path / "two")
    [found] = watched.finished(2.0)
    assert watched.take(found, tmp_path / "three")


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("checkpoint-500", 500),
        ("epoch=3-step=1200.ckpt", 1200),
        ("step_00042.pt", 42),
        ("model_7.safetensors", 7),
        ("epoch12", 12),
        ("iter_0000100", 100),
        ("ckpt-9.weights.h5", 9),
        ("42", 42),
        ("last.ckpt", None),
        ("run7-of-2024-05", None),
        ("model", None),
    ],
)
def test_the_step_is_in_the_name(name: str, step: int | None) -> None:
    assert step_in(name) == step
