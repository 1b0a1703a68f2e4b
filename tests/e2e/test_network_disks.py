"""Disks of other machines, as NFS and FUSE show them: what they remember, refuse, and hide."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.conftest import Tell
from e2e.story import Story
from e2e.test_file_systems import the_story
from support import mounts


@pytest.mark.compatibility(
    "Platforms",
    "network disks (NFS, FUSE) that remember a file's status",
    limit="what another machine writes is seen when the disk shows it; for a minute then each hook starts Python",
)
def test_what_another_machine_writes_is_seen_late_and_not_missed(tmp_path: Path, tell: Tell) -> None:
    folder = tmp_path / "folder"
    with mounts.odd(folder, tmp_path / "story", "remembers=3600"):
        story = tell("live")
        story.git("status")
        listed = [path.stat() for path in (story.path / "model.bin", story.path / "data/a.csv")]
        (folder / "repo/model.bin").write_text("model 9\n")
        (folder / "repo/data/a.csv").write_text("a 9\n")
        # A look at what this machine remembers, after the other one wrote.
        story.put("metrics.log", '{"loss": 3}\n')
        story.git("commit", "-qam", "third")
        assert [path.stat() for path in (story.path / "model.bin", story.path / "data/a.csv")] == listed
        assert story.git("show", "--name-only", "--format=", "HEAD").lines == ["metrics.log.dvc"]
        assert story.git("status", "--porcelain").text == ""
    with mounts.odd(folder, tmp_path / "story"):
        # What a shim asks before it starts Python.
        assert story.run("sh", "-c", ". .git/cpv/watch; cpv_changed .git/cpv/stamp").out
        assert story.git("status", "--porcelain").lines == [" M data.dvc", " M model.bin.dvc"]
        story.git("commit", "-qam", "fourth")
        assert story.saved("model.bin", "model 9\n")
        story.check()


@pytest.mark.compatibility("Platforms", "disks without hard links")
def test_no_links(tmp_path: Path, tell: Tell) -> None:
    with mounts.odd(tmp_path / "folder", tmp_path / "story", "no-links"):
        story = tell("live")
        story.dvc("config", "cache.type", "hardlink,copy")
        story.git("commit", "-qam", "links")
        the_story(story)


def test_files_that_are_removed_while_they_are_open(tmp_path: Path, tell: Tell) -> None:
    with mounts.odd(tmp_path / "folder", tmp_path / "story"):
        story = tell("live")
        with (story.path / "data/a.csv").open("rb") as held:
            story.git("checkout", "-q", "v0.0")
            hidden = [path.name for path in (story.path / "data").iterdir() if path.name.startswith(".fuse_hidden")]
            assert len(hidden) == 1
            assert story.git("status", "--porcelain").text == ""
            story.put("data/sub/b.csv", "b 3\n")
            story.git("commit", "-qam", "while it is open")
            assert not [line for line in story.cpv("diff", "HEAD^").lines if "hidden" in line]
            assert held.read() == b"a 2\n"
        story.check()


@pytest.mark.compatibility(
    "Platforms", "disks without locks", unsupported="every command says so; `local_lock=flock` is NFS' own answer"
)
def test_no_locks(live: Story, tmp_path: Path) -> None:
    """DVC cannot work there either."""
    with mounts.odd(tmp_path / "folder", tmp_path / "disk", "no-locks"):
        live.git("clone", "-q", ".", tmp_path / "disk/repo")
        clone = Story(tmp_path / "disk/repo")
        said = "the network file system has no locks; fix: mount it with local_lock=flock, or start lockd (findmnt -T "
        for command in ("install", "sync"):
            done = clone.cpv(command, status=1)
            assert (said in done.err, len(done.text.splitlines())) == (True, 1)
        assert not [path for path in (clone.path / ".git/hooks").iterdir() if path.suffix != ".sample"]
        clone.write("train.py", "print('code')\n")
        assert clone.git("commit", "-qam", "plain Git").text == ""
