"""The whole story (commit, tag, checkout, push, a clone without CPV) in each layout that Git knows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.conftest import Tell
from e2e.story import FIRST, Story, md5
from support import stand_in
from support.repos import object_names
from support.shell import Shell

Prepare = Callable[[Story], Story]
ARTIFACTS = ("model.bin", "data/a.csv", "data/sub/b.csv", "metrics.log")


def main_story(story: Story, storage: Path, cache: Path) -> None:
    """What every layout has to bear; `storage` is the remote, `cache` DVC's."""
    story.train(3)
    story.git("commit", "-qm", "third")
    third = {name: story.read(name) for name in ARTIFACTS}
    assert story.tags_at() == ["data-v0.2", "v0.2"]
    story.git("tag", "v1.0")
    story.agree()
    story.git("checkout", "-q", "v0.2~1")
    assert story.read("model.bin") == b"model 2\n"
    story.agree()
    story.git("checkout", "-q", "v1.0")
    assert {name: story.read(name) for name in ARTIFACTS} == third
    story.agree()
    story.git("checkout", "-q", "-B", "release")
    story.put("model.bin", "unsaved\n")
    story.git("stash")
    story.git("stash", "pop")
    assert story.read("model.bin") == b"unsaved\n"
    story.git("checkout", "--", "model.bin.dvc")
    story.agree()
    origin = storage.parent / "origin.git"
    story.git("push", "-q", origin, "release", "v1.0")
    plain = Shell(story.path.parent / "plain")
    story.git("clone", "-q", "--branch", "v1.0", origin, plain.path)
    plain.write(".dvc/config.local", f"['remote \"storage\"']\n    url = {storage}\n")
    plain.dvc("pull", "-q")
    assert {name: plain.read(name) for name in ARTIFACTS} == third
    lost = [content for content in story.written if md5(content) not in object_names(cache / "files/md5")]
    assert lost == []
    assert story.git("fsck", "--full", "--strict", "--no-progress").err == ""


def configured(*commands: str) -> Prepare:
    """The repository as it is, after some Git commands."""

    def prepare(story: Story) -> Story:
        for command in commands:
            story.git(*command.split())
        return story

    return prepare


def another(story: Story, path: Path) -> Story:
    """A repository that was made of the first one: it gets the hooks, and its remote is that of the first."""
    made = Story(path, story.mode)
    made.write(".dvc/config.local", f"['remote \"storage\"']\n    url = {story.path.parent / 'storage'}\n")
    stand_in.install(path)
    made.cpv("sync")
    made.agree()
    return made


def cloned(*options: str, allowed: bool = False) -> Prepare:
    """A clone by these options."""

    def prepare(story: Story) -> Story:
        if allowed:
            story.git("config", "uploadpack.allowFilter", "true")
            story.git("config", "uploadpack.allowAnySHA1InWant", "true")
        path = story.path.parent / "clone/repo"
        story.git("clone", "-q", *options, f"file://{story.path}", path)
        Shell(path).git("fetch", "-q", "--tags")
        return another(story, path)

    return prepare


def linked(story: Story) -> Story:
    story.git("worktree", "add", "-q", "-b", "side", "../linked/repo")
    return another(story, story.path.parent / "linked/repo")


def moved_work_tree(story: Story) -> Story:
    story.git("worktree", "add", "-q", "-b", "side", "../before")
    another(story, story.path.parent / "before")
    (story.path.parent / "after").mkdir()
    story.git("worktree", "move", "../before", "../after/repo")
    return Story(story.path.parent / "after/repo", story.mode)


def submodule(story: Story) -> Story:
    around = Shell(story.path.parent / "around")
    around.path.mkdir()
    around.git("init", "-q")
    around.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", f"file://{story.path}", "models/resnet")
    around.git("commit", "-qm", "a model inside")
    inner = around.path / "models/resnet"
    Shell(inner).git("checkout", "-q", "-B", "main")
    return another(story, inner)


def alternates(story: Story) -> Story:
    path = story.path.parent / "borrowing/repo"
    story.git("clone", "-q", "--shared", story.path, path)
    assert (path / ".git/objects/info/alternates").exists()
    return another(story, path)


def separate_git_dir(story: Story) -> Story:
    path = story.path.parent / "apart/repo"
    story.git("clone", "-q", "--separate-git-dir", story.path.parent / "apart.git", story.path, path)
    return another(story, path)


def strange_name(story: Story) -> Story:
    path = story.path.parent / 'it\'s a "folder" & $HOME/rép o'
    path.parent.mkdir()
    story.git("clone", "-q", story.path, path)
    return another(story, path)


def behind_a_link(story: Story) -> Story:
    link = story.path.parent / "link"
    link.symlink_to(story.path)
    return Story(link, story.mode, story.written)


def sparse(story: Story) -> Story:
    story.write("docs/long/page.md", "text\n")
    story.write("src/model.py", "pass\n")
    story.git("add", "docs", "src")
    story.git("commit", "-qm", "code")
    story.git("sparse-checkout", "set", "--cone", "--sparse-index", "data", "src")
    assert not (story.path / "docs").exists()
    return story


def identity_by_folder(story: Story) -> Story:
    """Who commits is said by an included file alone."""
    home = Path(os.environ["HOME"])
    (home / "work.config").write_text("[user]\n    name = Grace\n    email = grace@example.com\n")
    story.git("config", "--local", "include.path", str(home / "work.config"))
    return story


PACKED = configured("gc -q", "commit-graph write --reachable", "multi-pack-index write", "pack-refs --all")
LAYOUTS: dict[str, Prepare] = {
    "linked work tree": linked,
    "linked work tree that was moved": moved_work_tree,
    "submodule": submodule,
    "shallow clone": cloned("--depth", "2"),
    "partial clone (`--filter=blob:none`)": cloned("--filter=blob:none", allowed=True),
    "partial clone (`--filter=tree:0`)": cloned("--filter=tree:0", allowed=True),
    "clone of a single branch": cloned("--single-branch"),
    "sparse checkout, cone, with a sparse index": sparse,
    "split index": configured("config core.splitIndex true", "update-index --split-index"),
    "index version 4": configured("config index.version 4", "update-index --index-version 4"),
    "`feature.manyFiles`, `feature.experimental`": configured(
        "config feature.manyFiles true", "config feature.experimental true", "update-index --untracked-cache"
    ),
    "borrowed objects (alternates)": alternates,
    "packed objects, references, commit graph": PACKED,
    "separate Git directory": separate_git_dir,
    "folder with spaces, quotes, `$`, letters beyond ASCII": strange_name,
    "work tree behind a symbolic link": behind_a_link,
    "`safe.bareRepository = explicit`": configured("config --global safe.bareRepository explicit"),
    "identity from an included file": identity_by_folder,
    "`transfer.fsckObjects`": configured("config transfer.fsckObjects true", "config fetch.fsckObjects true"),
    "`core.fsync = all`": configured("config core.fsync all"),
}


@pytest.mark.compatibility("Git layouts", each=LAYOUTS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_whole_story(tell: Tell, layout: str) -> None:
    story = tell("live")
    storage = story.path.parent / "storage"
    before = {name: story.read(name) for name in FIRST}
    # With the whole history: Git gives a shallow one to nobody who has none.
    story.git("clone", "-q", "--bare", ".", "../origin.git")
    prepared = LAYOUTS[layout](story)
    shares_cache = layout.startswith("linked")
    main_story(prepared, storage, (story if shares_cache else prepared).path / ".dvc/cache")
    if prepared.path != story.path and layout != "work tree behind a symbolic link":
        assert {name: story.read(name) for name in FIRST} == before
        story.agree()
