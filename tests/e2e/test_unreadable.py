"""What cannot be looked at stops a commit of data, and no commit of code alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import MakeRepo

from e2e.conftest import Tell
from e2e.story import Story
from support.seaweed import Server


def spoil(story: Story, how: str) -> None:
    place = story.path / "data/odd"
    if how == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to({"loop": "odd", "nowhere": "gone"}[how])


SAID = {
    "loop": "a symbolic link that leads to itself; fix: rm {0}, then repeat the command",
    "nowhere": "a symbolic link that leads nowhere; fix: rm {0}",
    "pipe": "not a regular file, a folder or a link to a file; fix: move it out of the artifact",
}


@pytest.mark.parametrize("mode", ["live", "shims", "pre-commit"])
@pytest.mark.parametrize("how", ["loop", "nowhere", "pipe"])
def test_only_a_commit_of_data_needs_all_of_the_data(tell: Tell, mode: str, how: str) -> None:
    story = tell(mode)
    spoil(story, how)
    said = f"{story.path}/data/odd: " + SAID[how].format(story.path / "data/odd")

    story.write("train.py", "print('new')\n")
    story.git("add", "train.py")
    done = story.git("commit", "-qm", "code")
    assert done.text.count(said) == 1, done.text
    if mode != "pre-commit":  # which shows nothing of a hook that passes
        assert "data: not looked at, so this commit leaves it as it was" in done.text
    assert story.git("show", "--name-only", "--format=").text == "train.py\n"

    story.put("model.bin", "model 3\n")
    story.write("train.py", "print('newer')\n")
    story.git("add", "train.py")
    head = story.head()
    assert said in story.git("commit", "-qam", "code and a model", status=1).text
    if mode != "pre-commit":  # which sets the changed pointer aside
        assert said in story.git("commit", "-qm", "a model", status=1).text
    assert story.head() == head

    (story.path / "data/odd").unlink()
    story.git("commit", "-qam", "code and a model")
    story.check()


def test_a_few_open_files_are_enough_for_many_objects(make_repo: MakeRepo, s3_server: Server) -> None:
    files = {f"data/{number}": f"{number}\n" for number in range(150)}
    repo = make_repo(remote=f"s3://{s3_server.make_bucket()}/x", server=s3_server, install=False, files=files)
    few = ("sh", "-c", 'ulimit -n 64 && exec "$@"', "sh")
    assert "bug" not in repo.run(*few, "dvc", "cpv", "sync", "--wait").text
    repo.cpv("install")
    done = repo.run(*few, "git", "push", "-q", str(bare(repo.path.parent)), "HEAD:main")
    assert done.text == ""
    clone = repo.path.parent / "clone"
    repo.git("clone", "-q", str(repo.path), str(clone))
    (clone / ".dvc/config.local").write_bytes(repo.read(".dvc/config.local"))
    repo.run(*few, "dvc", "cpv", "sync", cwd="../clone")
    assert len(list((clone / "data").iterdir())) == 150


def bare(folder: Path) -> Path:
    import subprocess

    subprocess.run(["git", "init", "-q", "--bare", folder / "host.git"], check=True)
    return folder / "host.git"


@pytest.mark.parametrize("name", ["model.bin", "model.bin.dvc"])
def test_a_pipe_in_the_place_of_a_file_keeps_nobody_waiting(tell: Tell, name: str) -> None:
    story = tell("live")
    (story.path / name).unlink()
    os.mkfifo(story.path / name)
    said = f"{name}: not a regular file"
    assert said in story.git("status", "--porcelain").err
    assert said in story.cpv("status", status=None).text
    story.write("train.py", "print('new')\n")
    story.git("add", "train.py")
    # A pointer that nobody can read stops every commit, as one that says nonsense does.
    story.git("commit", "-qm", "code", status=0 if name == "model.bin" else 1)
    story.put("data/a.csv", "a 3\n")
    assert said in story.git("commit", "-qm", "data", status=1).text
    (story.path / name).unlink()
    story.git("commit", "-qm", "data")
    story.git("checkout", "-q", "v0.1")
    story.git("checkout", "-q", "main")


@pytest.mark.parametrize("name", [".cpv.toml", ".dvcignore", "dvc.yaml"])
def test_a_pipe_in_the_place_of_settings_keeps_nobody_waiting(tell: Tell, name: str) -> None:
    story = tell("live")
    text = story.read(name) if (story.path / name).exists() else b""
    (story.path / name).unlink(missing_ok=True)
    os.mkfifo(story.path / name)
    story.put("model.bin", "model 3\n")
    said = ""
    for words in ("git status", "git commit -qam data", "git checkout -q v0.0", "cpv status", "cpv doctor", "cpv sync"):
        verb, *rest = words.split()
        said += (story.git if verb == "git" else story.cpv)(*rest, status=None, timeout=120).text
    assert "bug" not in said
    assert "Traceback" not in said
    assert ("its settings are deleted; fix: git checkout -- .cpv.toml" in said) is (name == ".cpv.toml")
    (story.path / name).unlink()
    if text:
        story.write(name, text)
    story.git("checkout", "-q", "main")
    story.git("commit", "-qam", "data", status=None)
    story.nothing_is_lost()
