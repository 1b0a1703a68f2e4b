"""A directory remote whose disk is not mounted is not made anew below the mount point."""

from __future__ import annotations

from pathlib import Path

from e2e.conftest import Tell
from e2e.story import md5

GONE = "the directory is not there any more; fix: mount its disk, or, if its data is lost, mkdir -p "


def test_nothing_is_written_where_the_disk_is_not_mounted(tell: Tell, tmp_path: Path) -> None:
    story = tell("live")
    story.git("init", "-q", "--bare", "../origin.git")
    story.git("remote", "add", "origin", "../origin.git")
    story.git("push", "-q", "origin", "HEAD")
    storage, away = story.path.parent / "storage", story.path.parent / "away"
    storage.rename(away)
    story.train(3)  # all of it, so that nothing of the new commit was ever uploaded
    done = story.git("commit", "-qam", "third")
    assert GONE in done.err
    assert story.saved("model.bin", "model 3\n")
    assert not storage.exists()
    pushed = story.git("push", "-q", "origin", "HEAD", status=None)
    assert pushed.status != 0
    assert GONE in pushed.err
    assert not storage.exists()
    assert story.cpv("sync", status=None).status != 0
    assert not storage.exists()
    away.rename(storage)
    story.git("push", "-q", "origin", "HEAD")
    assert md5("model 3\n") in story.stored()


def test_where_its_data_is_lost_the_advised_command_begins_anew(tell: Tell) -> None:
    story = tell("live")
    story.cpv("sync")
    storage = story.path.parent / "storage"
    storage.rename(story.path.parent / "away")
    story.put("model.bin", "model 3\n")
    said = story.git("commit", "-qam", "third").err
    advice = said.partition("if its data is lost, ")[2].splitlines()[0].removesuffix(")")
    story.run("mkdir", "-p", storage)
    assert advice.startswith(f"mkdir -p {storage} && dvc cpv verify --all --repair")
    story.cpv("verify", "--all", "--repair")
    assert {md5("model 1\n"), md5("model 2\n"), md5("model 3\n")} <= story.stored()


def test_a_first_upload_makes_the_directory(tell: Tell) -> None:
    story = tell("live")
    story.cpv("sync")
    story.write(".dvc/config", story.read(".dvc/config").decode().replace("../../storage", "../../new/storage"))
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qam", "to another directory")
    assert (story.path.parent / "new/storage/files").is_dir()
