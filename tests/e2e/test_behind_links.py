"""A link stands where a version has a folder or a file: nothing outside is written, removed or taken for ours."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.conftest import Tell
from e2e.story import Story
from support.shell import Result

THEIRS = ("a.csv", "sub/b.csv", "model.bin", "model.bin.dvc", ".gitignore", "dvc.lock")
Place = Callable[[Story, Path], None]


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): (path.read_bytes(), path.lstat().st_mtime_ns) for path in found}


def folder_link(story: Story, outside: Path) -> None:
    (story.path / "data").rename(story.path.parent / "away")
    (story.path / "data").symlink_to(outside)


def file_link(story: Story, outside: Path) -> None:
    (story.path / "model.bin").unlink()
    (story.path / "model.bin").symlink_to(outside / "model.bin")


def parent_link(story: Story, outside: Path) -> None:
    (story.path / "outputs").rename(story.path.parent / "away")
    (story.path / "outputs").symlink_to(outside)


def parent_of_ours(story: Story, outside: Path) -> None:
    """The user has moved the folder to another disk, pointers and all, and trains on there."""
    shutil.rmtree(outside)
    (story.path / "outputs").rename(outside)
    (story.path / "outputs").symlink_to(outside)
    (outside / "model.bin").write_text("newer\n")


def folder_inside(story: Story, outside: Path) -> None:
    (story.path / "data/sub").rename(story.path.parent / "away")
    (story.path / "data/sub").symlink_to(outside / "sub")


PLACES: dict[str, tuple[Place, str]] = {
    "folder": (folder_link, "data"),
    "file": (file_link, "model.bin"),
    "parent": (parent_link, "outputs"),
    "parent, ours": (parent_of_ours, "outputs"),
    "folder inside": (folder_inside, "data/sub"),
}


def told(tell: Tell, tmp_path: Path, place: str) -> tuple[Story, Path]:
    """A story of three versions in which a link stands in the place; and the folder to which it leads."""
    story, outside = tell("live"), tmp_path / "elsewhere"
    for number in (1, 2):
        story.put("outputs/model.bin", f"out {number}\n")
        story.put("data/sub/b.csv", f"b {number + 2}\n")
        story.put("model.bin", f"model {number + 2}\n")
        if number == 1:
            story.dvc("add", "-q", "outputs/model.bin")
        story.git("add", "-A")
        story.git("commit", "-qm", f"out {number}")
    for name in THEIRS:
        (outside / name).parent.mkdir(parents=True, exist_ok=True)
        (outside / name).write_text(f"not yours: {name}\n")
    PLACES[place][0](story, outside)
    return story, outside


def run(story: Story, *words: str) -> Result:
    program, *rest = words
    done = story.cpv(*rest, status=None) if program == "cpv" else story.git(*rest, status=None)
    assert "Traceback" not in done.text
    return done


VERBS = {
    "status": ["git status --porcelain", "cpv status"],
    "commit": ["git commit -qam x", "git checkout -q HEAD~1", "git checkout -q main"],
    "checkout": ["git checkout -q HEAD~1", "git checkout -q main", "git checkout -qf v0.0", "git checkout -qf main"],
    "reset": ["git reset -q --hard HEAD~1", "git reset -q --hard v0.0"],
    "stash": ["git stash -q", "git stash pop -q", "git stash drop -q"],
    "an empty branch": ["git checkout -qf none", "git checkout -qf main"],
    "upkeep": ["cpv verify", "cpv verify --all", "cpv prune --yes", "cpv rescue list", "cpv doctor", "cpv sync"],
    "revert": ["cpv model revert --tag v0.0 --force", "cpv data revert --tag data-v0.0 --force"],
    "checkpoint": ["cpv model upload -m x", "cpv data upload -m x", "cpv checkpoint create -m x"],
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("verb", VERBS)
def test_nothing_outside_is_touched_and_nothing_is_lost(tell: Tell, tmp_path: Path, place: str, verb: str) -> None:
    story, outside = told(tell, tmp_path, place)
    story.empty_branch("none")
    before = files(outside)
    for words in VERBS[verb]:
        run(story, *words.split())
        assert files(outside) == before, words
    for name in ("data", "model.bin", "outputs", "data/sub"):
        if (story.path / name).is_symlink():
            (story.path / name).unlink()
    story.git("checkout", "-qf", "main")
    story.nothing_is_lost()


@pytest.mark.parametrize("place", ["parent", "parent, ours"])
def test_a_pointer_behind_a_link_is_not_read(tell: Tell, tmp_path: Path, place: str) -> None:
    """One line names the link, a commit of code goes on, and the advised command ends it."""
    story, outside = told(tell, tmp_path, place)
    line = f"cpv: outputs/model.bin: lies behind outputs, which is a symbolic link to {outside}; "
    line += f"fix: rm outputs && cp -r {outside} outputs"
    assert run(story, "git", "status").err.splitlines() == [line]
    story.write("train.py", "print('more')\n")
    story.git("add", "train.py")
    done = run(story, "git", "commit", "-qm", "code")
    assert done.status == 0
    assert set(done.err.splitlines()) == {
        line,
        "cpv: outputs/model.bin: not looked at, so this commit leaves it as it was",
    }
    assert story.git("show", "--name-only", "--format=", "HEAD").lines == ["train.py"]
    assert line in run(story, "cpv", "sync").text
    if place == "parent, ours":
        story.run("sh", "-c", line.split("; fix: ")[1])
        story.git("commit", "-qam", "what was trained elsewhere")
        assert story.saved("outputs/model.bin", "newer\n")


def test_where_the_link_leads_nowhere_git_brings_the_folder_back(tell: Tell, tmp_path: Path) -> None:
    story, outside = told(tell, tmp_path, "parent")
    shutil.rmtree(outside)
    assert " D outputs/model.bin.dvc" in run(story, "git", "status", "--porcelain").lines
    run(story, "git", "checkout", "-q", "--", "outputs/model.bin.dvc", "outputs/.gitignore")
    assert story.read("outputs/model.bin") == b"out 2\n"
    story.check()


def test_a_version_without_the_folder_leaves_the_link_as_git_does(tell: Tell, tmp_path: Path) -> None:
    story, outside = told(tell, tmp_path, "parent, ours")
    done = run(story, "git", "checkout", "-qf", "v0.1")
    line = f"lies behind outputs, which is a symbolic link to {outside}; fix: rm outputs && cp -r {outside} outputs"
    assert (done.status, done.err) == (0, f"cpv: outputs/model.bin: {line}\n")  # the query before it
    assert os.readlink(story.path / "outputs") == str(outside)
    done = run(story, "git", "checkout", "-q", "v0.0")
    assert (done.status, "outputs" in done.err) == (0, False)


def test_a_rescue_is_not_laid_through_a_link_that_leads_nowhere(tell: Tell, tmp_path: Path) -> None:
    story = tell("live")
    story.put("data/a.csv", "a 7\n")
    story.git("status")
    story.git("reset", "-q", "--hard")
    link = story.path / "found"
    link.symlink_to(tmp_path / "nowhere")
    done = story.cpv("rescue", "restore", "1", "--output", "found", status=1)
    assert "found: exists already; fix: name another --output" in done.err
    assert link.is_symlink() and not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("verb", ["checkout -q .", "restore .", "reset -q --hard", "stash -q"])
def test_an_artifact_that_was_removed_with_its_pointer_comes_back_with_it(tell: Tell, verb: str) -> None:
    story = tell("live")
    story.put("outputs/model.bin", "out 1\n")
    story.dvc("add", "-q", "outputs/model.bin")
    story.git("add", "-A")
    story.git("commit", "-qm", "out 1")
    shutil.rmtree(story.path / "outputs")
    assert story.changes() == [" D outputs/.gitignore", " D outputs/model.bin.dvc"]
    story.git(*verb.split())
    assert story.read("outputs/model.bin") == b"out 1\n"
    story.check()


def test_a_pointer_is_not_written_anew_through_a_link(tell: Tell, tmp_path: Path) -> None:
    """Where an artifact of the settings was written anew and its pointer is gone, the pointer comes back, else."""
    story = tell("live")
    story.write(".cpv.toml", story.read(".cpv.toml").decode().replace('"model.bin"', '"model.bin", "outputs/net.bin"'))
    story.put("outputs/net.bin", "net 1\n")
    story.git("add", "-A")
    story.git("commit", "-qm", "net")
    shutil.rmtree(story.path / "outputs")
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (outside / "net.bin").write_text("not yours\n")
    (story.path / "outputs").symlink_to(outside)
    for words in ("git status", "git commit -qam x", "cpv sync", "git stash", "git checkout -qf v0.0"):
        run(story, *words.split())
        assert [path.name for path in outside.iterdir()] == ["net.bin"], words
