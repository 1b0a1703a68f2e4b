"""Clients that run no hooks (libgit2, dulwich): what they leave behind is completed by the next Git command."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pygit2
import pytest
from dulwich import porcelain

from e2e.story import Story, md5

WHO = pygit2.Signature("Ada", "ada@example.org")


class Libgit2:
    """As GitKraken and other programs on libgit2 do it."""

    def __init__(self, path: Path) -> None:
        self.repo = pygit2.Repository(str(path))

    def checkout(self, name: str) -> None:
        ref = self.repo.lookup_reference_dwim(name)
        self.repo.checkout_tree(ref.peel(pygit2.Commit))
        self.repo.set_head(ref.name if name == "main" else ref.peel(pygit2.Commit).id)

    def commit(self, *paths: str) -> None:
        index = self.repo.index
        index.read()
        for path in paths:
            index.add(path)
        index.write()
        self.repo.create_commit("HEAD", WHO, WHO, "by libgit2", index.write_tree(), [self.repo.head.target])

    def tag(self, name: str) -> None:
        self.repo.create_tag(name, self.repo.head.target, pygit2.GIT_OBJECT_COMMIT, WHO, "by libgit2")

    def push(self, ref: str) -> None:
        self.repo.remotes["origin"].push([ref])


class Dulwich:
    """As DVC does it."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def checkout(self, name: str) -> None:
        porcelain.checkout(self.path, name)

    def commit(self, *paths: str) -> None:
        porcelain.add(self.path, [f"{self.path}/{path}" for path in paths])
        who = b"Ada <ada@example.org>"
        porcelain.commit(self.path, message=b"by dulwich", author=who, committer=who)

    def tag(self, name: str) -> None:
        porcelain.tag_create(self.path, name.encode(), message=b"by dulwich", annotated=True)

    def push(self, ref: str) -> None:
        porcelain.push(self.path, "origin", [ref.encode()])


@pytest.mark.compatibility("Live status and other clients", "clients that run no hooks (libgit2, dulwich)")
@pytest.mark.parametrize("make", [Libgit2, Dulwich])
def test_what_they_leave_is_completed(live: Story, make: type[Libgit2] | type[Dulwich]) -> None:
    story, client = live, make(live.path)
    host = story.path.parent / "host"
    story.git("init", "-q", "--bare", host)
    story.git("remote", "add", "origin", host)
    story.git("push", "-q", "--tags", "-u", "origin", "main")
    # A branch or version that it checks out: the artifacts follow with the next look.
    client.checkout("v0.0")
    assert story.git("status", "--porcelain").text == ""
    assert story.read("model.bin") == b"model 1\n"
    client.checkout("main")
    story.git("status")
    story.agree()
    # Commits of pointers: they get their numbers, in order, and their data goes up with the next commit of data.
    for number in (3, 4):
        story.put("model.bin", f"model {number}\n")
        story.git("status")
        client.commit("model.bin.dvc")
    story.write("train.py", "print('code')\n")
    story.git("commit", "-qam", "code")
    story.put("model.bin", "model 5\n")
    assert story.git("commit", "-qam", "fifth").text == "cpv: tagged v0.2 v0.3 v0.4\n"
    assert [story.oid_at(name, "model.bin.dvc") for name in ("v0.2", "v0.3", "v0.4")] == [
        md5(f"model {number}\n") for number in (3, 4, 5)
    ]
    assert {md5(f"model {number}\n") for number in (3, 4, 5)} <= story.stored()
    # A tag that it makes, and a branch that it pushes before its data: the next push brings the data.
    client.tag("v1.0")
    story.put("model.bin", "model 6\n")
    story.git("status")
    client.commit("model.bin.dvc")
    client.push("refs/heads/main")
    story.git("push", "-q", "origin", "v1.0")
    assert md5("model 6\n") in story.stored()
    story.put("model.bin", "model 7\n")
    story.git("commit", "-qam", "seventh")
    assert story.tags_at("HEAD^") == ["v1.1"]
    assert story.tags_at() == ["v1.2"]
    # What was unsaved when it went elsewhere is kept.
    story.put("model.bin", "unsaved\n")
    client.checkout("v0.0")
    assert "conflict" in story.git("status").err
    story.nothing_is_lost()


def test_versions_that_nobody_wanted_get_no_number_later(live: Story) -> None:
    """`[tags] on_commit = false` was what the settings said when they were committed."""
    settings = live.read(".cpv.toml").decode()
    live.write(".cpv.toml", settings + "[tags]\non_commit = false\n")
    live.put("model.bin", "model 3\n")
    assert live.git("commit", "-qam", "third").text == ""
    live.write(".cpv.toml", settings)
    live.put("model.bin", "model 4\n")
    assert live.git("commit", "-qam", "fourth").text == "cpv: tagged v0.2\n"
    assert live.tags_at("HEAD^") == []


@pytest.mark.compatibility("Live status and other clients", "an editor that asks `git status` all the time")
def test_an_editor_that_asks_all_the_time(live: Story) -> None:
    """No query fails, none takes a lock from a commit, and nothing is done twice."""
    ask = "for n in $(seq 100); do git --no-optional-locks status --porcelain || echo failed; done"
    with subprocess.Popen(["sh", "-c", ask], cwd=live.path, stdout=-1, stderr=-2, text=True) as editor:
        for number in range(3, 6):
            live.put("model.bin", f"model {number}\n")
            assert live.git("commit", "-qam", str(number)).text == f"cpv: tagged v0.{number - 1}\n"
        assert editor.stdout is not None
        said = set(editor.stdout.read().splitlines())
    assert said <= {" M model.bin.dvc", "M  model.bin.dvc", "MM model.bin.dvc"}
    live.check()
