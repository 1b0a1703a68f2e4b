"""The whole story (commit, tag, checkout, push, a clone without CPV): Git's layouts, hook managers, remotes.

The suite tells it once in each layout, and so that every hook manager meets every kind of remote. `CPV_MATRIX=pairs`
has every layout with every manager too, and with every remote; `CPV_MATRIX=all` has all combinations. `-s` prints the
figures.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import REAL_ENVIRONMENT

from e2e.conftest import Tell
from e2e.story import FIRST, Story, md5
from support import stand_in
from support.hook_managers import MANAGERS, Manager, Notes
from support.http_store import Files
from support.repos import object_names
from support.seaweed import Server
from support.shell import Shell

ARTIFACTS = ("model.bin", "data/a.csv", "data/sub/b.csv", "metrics.log")


@dataclass(frozen=True)
class Cell:
    """What a repository has beside its layout; `where` is what DVC's local configuration says of the remote."""

    manager: Manager
    notes: Notes
    where: str

    def another(self, story: Story, path: Path) -> Story:
        """A repository that was made of the first one: it gets the hooks, and its remote is that of the first."""
        made = Story(path, story.mode)
        made.write(".dvc/config.local", self.where)
        self.install(made)
        made.cpv("sync")
        made.agree()
        return made

    def install(self, story: Story) -> None:
        """The manager, where CPV may be already, and CPV, which goes in front again."""
        self.manager.install(story, self.notes.program)
        stand_in.install(story.path)


Prepare = Callable[[Story, Cell], Story]


def main_story(story: Story, cell: Cell, cache: Path) -> None:
    """What every layout has to bear; `cache` is DVC's."""
    cell.notes.take()
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
    origin = cell.notes.folder / "origin.git"
    story.git("push", "-q", origin, "release", "v1.0")
    ran = [line.split()[0] for line in cell.notes.take()]
    assert [ran.count(hook) for hook in ("pre-commit", "commit-msg", "post-commit", "pre-push")] == [1, 1, 1, 1]
    plain = Shell(story.path.parent / "plain")
    story.git("clone", "-q", "--branch", "v1.0", origin, plain.path)
    plain.write(".dvc/config.local", cell.where)
    plain.dvc("pull", "-q")
    assert {name: plain.read(name) for name in ARTIFACTS} == third
    lost = [content for content in story.written if md5(content) not in object_names(cache / "files/md5")]
    assert lost == []
    # It expands a sparse index, and a newer Git says so.
    checked = story.git("-c", "advice.sparseIndexExpanded=false", "fsck", "--full", "--strict", "--no-progress")
    assert checked.err == ""


def configured(*commands: str) -> Prepare:
    """The repository as it is, after some Git commands."""

    def prepare(story: Story, cell: Cell) -> Story:
        for command in commands:
            story.git(*command.split())
        return story

    return prepare


def cloned(*options: str, allowed: bool = False) -> Prepare:
    """A clone by these options."""

    def prepare(story: Story, cell: Cell) -> Story:
        if allowed:
            story.git("config", "uploadpack.allowFilter", "true")
            story.git("config", "uploadpack.allowAnySHA1InWant", "true")
        path = story.path.parent / "clone/repo"
        story.git("clone", "-q", *options, f"file://{story.path}", path)
        Shell(path).git("fetch", "-q", "--tags")
        return cell.another(story, path)

    return prepare


def sparse_clone(story: Story, cell: Cell) -> Story:
    """Of the folders only those that are asked for afterwards; the model repository has a submodule, too."""
    other = Shell(story.path.parent / "code")
    other.path.mkdir()
    other.git("init", "-q")
    other.git("commit", "-q", "--allow-empty", "-m", "code")
    story.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", f"file://{other.path}", "code")
    story.git("commit", "-qm", "code of others")
    clone = cloned("--filter=blob:none", "--sparse", allowed=True)(story, cell)
    clone.git("sparse-checkout", "add", "--skip-checks", "data", ".husky", "code")
    clone.git("-c", "protocol.file.allow=always", "submodule", "update", "-q", "--init")
    return clone


def linked(story: Story, cell: Cell) -> Story:
    story.git("worktree", "add", "-q", "-b", "side", "../linked/repo")
    return cell.another(story, story.path.parent / "linked/repo")


def moved_work_tree(story: Story, cell: Cell) -> Story:
    story.git("worktree", "add", "-q", "-b", "side", "../before")
    cell.another(story, story.path.parent / "before")
    (story.path.parent / "after").mkdir()
    story.git("worktree", "move", "../before", "../after/repo")
    return Story(story.path.parent / "after/repo", story.mode)


def repaired(story: Story, cell: Cell) -> Story:
    story.git("worktree", "add", "-q", "-b", "side", "../before")
    cell.another(story, story.path.parent / "before")
    (story.path.parent / "after").mkdir()
    (story.path.parent / "before").rename(story.path.parent / "after/repo")
    story.git("worktree", "repair", "../after/repo")
    return Story(story.path.parent / "after/repo", story.mode)


def submodule(story: Story, cell: Cell) -> Story:
    around = Shell(story.path.parent / "around")
    around.path.mkdir()
    around.git("init", "-q")
    around.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", f"file://{story.path}", "models/resnet")
    around.git("commit", "-qm", "a model inside")
    inner = around.path / "models/resnet"
    Shell(inner).git("checkout", "-q", "-B", "main")
    return cell.another(story, inner)


def alternates(story: Story, cell: Cell) -> Story:
    path = story.path.parent / "borrowing/repo"
    story.git("clone", "-q", "--shared", story.path, path)
    assert (path / ".git/objects/info/alternates").exists()
    return cell.another(story, path)


def separate_git_dir(story: Story, cell: Cell) -> Story:
    path = story.path.parent / "apart/repo"
    story.git("clone", "-q", "--separate-git-dir", story.path.parent / "apart.git", story.path, path)
    return cell.another(story, path)


def strange_name(story: Story, cell: Cell) -> Story:
    path = story.path.parent / 'it\'s a "folder" & $HOME/rép o'
    path.parent.mkdir()
    story.git("clone", "-q", story.path, path)
    return cell.another(story, path)


def behind_a_link(story: Story, cell: Cell) -> Story:
    link = story.path.parent / "link"
    link.symlink_to(story.path)
    return Story(link, story.mode, story.written)


def sparse(story: Story, cell: Cell) -> Story:
    story.write("docs/long/page.md", "text\n")
    story.write("src/model.py", "pass\n")
    story.git("add", "docs", "src")
    story.git("commit", "-qm", "code")
    # What husky's hooks run is in the work tree: who leaves its folder out has none.
    story.git("sparse-checkout", "set", "--cone", "--sparse-index", "data", "src", ".husky")
    assert not (story.path / "docs").exists()
    return story


def identity_by_folder(story: Story, cell: Cell) -> Story:
    """Who commits is said by a file that is included for this folder's repositories."""
    home = Path(os.environ["HOME"])
    (home / "work.config").write_text("[user]\n    name = Grace\n    email = grace@example.com\n")
    story.git("config", "--global", f"includeIf.gitdir:{story.path.parent}/.path", str(home / "work.config"))
    return story


PACKED = configured("gc -q", "commit-graph write --reachable", "multi-pack-index write", "pack-refs --all")
LAYOUTS: dict[str, Prepare] = {
    "linked work tree": linked,
    "linked work tree that was moved": moved_work_tree,
    "linked work tree, repaired after somebody moved its folder": repaired,
    "submodule": submodule,
    "shallow clone": cloned("--depth", "2"),
    "partial clone (`--filter=blob:none`)": cloned("--filter=blob:none", allowed=True),
    "partial clone (`--filter=tree:0`)": cloned("--filter=tree:0", allowed=True),
    "partial and sparse clone (`--filter=blob:none --sparse`)": sparse_clone,
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
    "identity from an included file (`includeIf`)": identity_by_folder,
    "`transfer.fsckObjects`": configured("config transfer.fsckObjects true", "config fetch.fsckObjects true"),
    "`core.fsync = all`": configured("config core.fsync all"),
}


@dataclass
class Remotes:
    """Servers that are started when a cell asks for one."""

    request: pytest.FixtureRequest
    patch: pytest.MonkeyPatch

    def folder(self, tmp_path: Path) -> str:
        return f"    url = {tmp_path / 'story/storage'}\n"

    def s3(self, tmp_path: Path) -> str:
        server: Server = self.request.getfixturevalue("s3_server")
        for name, value in server.environment().items():
            self.patch.setenv(name, value)
        return f"    url = s3://{server.make_bucket()}/vision/resnet\n    endpointurl = {server.endpoint_url}\n"

    def web(self, tmp_path: Path) -> str:
        server: Files = self.request.getfixturevalue("web_server")
        return f"    url = {server.url}\n"


REMOTES: dict[str, Callable[[Remotes, Path], str]] = {
    "a folder": Remotes.folder,
    "S3 (SeaweedFS)": Remotes.s3,
    "HTTP, and whatever else DVC has a plugin for": Remotes.web,
}


@pytest.fixture
def web_server() -> Iterator[Files]:
    with Files.serving() as server:
        yield server


def cells() -> list[tuple[str, str, str]]:
    """Every layout, once or with each manager; the remotes in turn, so that each pair is there, or all of them."""
    wanted = REAL_ENVIRONMENT.get("CPV_MATRIX", "")
    layouts, managers, remotes = (list(table) for table in (LAYOUTS, MANAGERS, REMOTES))
    found = []
    for number, layout in enumerate(layouts):
        for turn in range(len(managers)) if wanted else (number,):
            manager = managers[turn % len(managers)]
            of = remotes if wanted == "all" else [remotes[(number + turn if wanted else number) % len(remotes)]]
            found += [(layout, manager, remote) for remote in of]
    return found


@pytest.fixture(scope="module", autouse=True)
def _figures() -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"\n{len(cells())} cells in {time.monotonic() - began:.0f} s")


def test_every_manager_meets_every_remote() -> None:
    met = {(manager, remote) for _, manager, remote in cells()}
    assert met == {(manager, remote) for manager in MANAGERS for remote in REMOTES}


@pytest.mark.compatibility("Git layouts", each=LAYOUTS)
@pytest.mark.compatibility("Hook managers", each=MANAGERS)
@pytest.mark.compatibility("Remotes", each=REMOTES)
@pytest.mark.parametrize(
    ("layout", "manager", "remote"), [pytest.param(*cell, id=" | ".join(cell)) for cell in cells()]
)
def test_the_whole_story(
    tell: Tell,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    layout: str,
    manager: str,
    remote: str,
) -> None:
    notes = Notes(tmp_path)
    story = tell("live", files=MANAGERS[manager].files(notes.program))
    where = REMOTES[remote](Remotes(request, monkeypatch), tmp_path)
    cell = Cell(MANAGERS[manager], notes, f"['remote \"storage\"']\n{where}")
    if remote != "a folder":
        story.write(".dvc/config.local", cell.where)
        story.dvc("push", "-q", "--all-commits")
    cell.install(story)
    before = {name: story.read(name) for name in FIRST}
    # With the whole history: Git gives a shallow one to nobody who has none.
    story.git("clone", "-q", "--bare", ".", tmp_path / "origin.git")
    prepared = LAYOUTS[layout](story, cell)
    shares_cache = layout.startswith("linked")
    main_story(prepared, cell, (story if shares_cache else prepared).path / ".dvc/cache")
    if prepared.path != story.path and layout != "work tree behind a symbolic link":
        assert {name: story.read(name) for name in FIRST} == before
        story.agree()
