"""Disks for which names that differ in case, or in how letters are composed, are one, as on macOS."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.conftest import Tell
from e2e.story import Story, md5, refused
from e2e.test_file_systems import the_story
from support import mounts, stand_in

ALIKE = ("A.csv", "sub/B.csv", *(unicodedata.normalize(form, "ü.csv") for form in ("NFC", "NFD")))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounts.odd(tmp_path / "folder", tmp_path / "disk", "same-names") as place:
        yield place


def cloned(story: Story, disk: Path) -> Story:
    """A clone on such a disk, at the first version."""
    advice = ("-c", "advice.detachedHead=false")
    story.git(*advice, "clone", "-q", "--branch", "v0.0", f"file://{story.path}", disk / "repo")
    clone = Story(disk / "repo")
    clone.git("branch", "-q", "--track", "main", "origin/main")
    clone.write(".dvc/config.local", f"['remote \"storage\"']\n    url = {story.path.parent / 'storage'}\n")
    stand_in.install(clone.path)
    clone.cpv("sync")
    return clone


def files(story: Story) -> set[str]:
    folder = story.path / "data"
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.compatibility(
    "Platforms",
    "a disk that ignores case or how letters are composed (macOS)",
    limit="of files with alike names one is placed and the others are left out, with a warning; pointers are refused",
)
def test_the_story(tmp_path: Path, tell: Tell) -> None:
    with mounts.odd(tmp_path / "folder", tmp_path / "story", "same-names"):
        story = tell("live")
        story.git("config", "core.ignorecase", "true")
        the_story(story)
        # Another spelling of an artifact's name, in a pointer or on the disk, makes no second artifact.
        story.git("stash", "drop", "-q", status=None)
        story.git("checkout", "-q", "-f", "main")
        (story.path / "model.bin").rename(story.path / "Model.bin")
        story.git("mv", "metrics.log.dvc", "Metrics.log.dvc")
        story.put("Model.bin", "model 4\n")
        story.git("commit", "-qam", "spelled otherwise")
        assert sorted(path.name for path in story.pointers()) == ["Metrics.log.dvc", "data.dvc", "model.bin.dvc"]
        assert story.saved("model.bin", "model 4\n")
        story.git("checkout", "-q", "v0.0")
        story.git("checkout", "-q", "main")
        story.agree()
        story.nothing_is_lost()


@pytest.mark.compatibility("Platforms", "a disk that ignores case or how letters are composed (macOS)")
def test_files_that_are_alike_are_not_committed_away(live: Story, disk: Path) -> None:
    for name in ALIKE:
        live.put(f"data/{name}", f"another {name}")
    live.git("commit", "-qm", "names that are alike")
    clone = cloned(live, disk)
    assert files(clone) == {"a.csv", "sub/b.csv"}
    assert clone.git("checkout", "-q", "main").err == (
        "cpv: warning: data: this disk takes A.csv and a.csv for one name, so A.csv and 2 more are left out; "
        "fix: rename one of them, on a disk that tells them apart\n"
        "cpv: updated data, metrics.log, model.bin\n"
    )
    assert (clone.read("data/a.csv"), files(clone) & set(ALIKE[2:])) == (b"a 2\n", {ALIKE[3]})
    assert clone.git("status", "--porcelain").text == ""
    # A commit carries them on.
    clone.put("data/a.csv", "a 3\n")
    assert clone.git("commit", "-qam", "one of two changed").text == "cpv: tagged data-v0.3\n"
    changed = clone.cpv("diff", "HEAD^").lines
    assert [line.split()[:2] for line in changed[:2]] == [["~", "data"], ["~", "a.csv"]]
    assert not [line for line in changed if line.strip().startswith(("-", "+"))]
    # What was left out comes where it is alone.
    clone.git("checkout", "-q", "v0.0")
    assert files(clone) == {"a.csv", "sub/b.csv"}
    clone.git("checkout", "-q", "main")
    # Nobody remembers what was left out, or why.
    clone.run("rm", "-r", ".git/cpv")
    assert clone.git("status", "--porcelain").text == ""
    done = clone.cpv("data", "download", "--tag", "data-v0.2", "--output-dir", "../copy", status=None)
    refused(done, "for one name; fix:")
    assert not (disk / "copy").exists()
    # Where the names are told apart, all of it is there.
    live.git("fetch", "-q", disk / "repo", "main")
    live.git("checkout", "-q", "FETCH_HEAD")
    assert live.read("data/a.csv") == b"a 3\n"
    assert {name: live.read(f"data/{name}").decode() for name in ALIKE} == {name: f"another {name}" for name in ALIKE}
    clone.nothing_is_lost()


@pytest.mark.compatibility("Platforms", "a disk that ignores case or how letters are composed (macOS)")
def test_pointers_that_are_one_file(live: Story, disk: Path) -> None:
    live.put("Model.bin", "another model\n")
    live.dvc("add", "-q", "Model.bin")
    live.git("add", "-A")
    live.git("commit", "-qm", "names that are alike")
    clone = cloned(live, disk)
    said = (
        "cpv: model.bin.dvc: this disk takes model.bin.dvc and Model.bin.dvc for one name; "
        "fix: rename one of them, on a disk that tells them apart\n"
    )
    assert clone.git("checkout", "-q", "main", status=1).err == f"{said}cpv: updated data, metrics.log\n"
    clone.put("metrics.log", '{"loss": 3}\n')
    assert clone.git("commit", "-qam", "third", status=1).err == said
    clone.git("checkout", "-q", "-f", "v0.0", status=None)
    clone.agree()
    assert md5("another model\n") in live.cached()
    clone.nothing_is_lost()
