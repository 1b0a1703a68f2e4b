"""`migrate lfs`: what HEAD keeps in Git LFS becomes artifacts, in one commit, or nothing changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.migration.lfs_artifacts import without_lfs
from support import inside, killed, lfs, stand_in
from support.repos import ModelRepo
from support.shell import Shell
from support.unchanged import nothing_changes

FILES = {"model.bin": b"weights" * 1000, "data/a.bin": b"1" * 50, "data/sub/b.bin": b"2" * 60, "odd name/c.bin": b"3"}


def build(make_repo: MakeRepo, *, smudged: bool = True) -> ModelRepo:
    repo = make_repo(install=False)
    repo.write(".gitattributes", f"*.md text\n{lfs.TRACKED}")
    repo.write("train.py", "pass\n")
    repo.git("add", "-A")
    lfs.keep(repo, FILES, smudged=smudged)
    repo.git("commit", "-q", "-m", "in LFS")
    stand_in.install(repo.path)
    return repo


def migrate(repo: ModelRepo, *args: str, status: int = 0) -> str:
    done = inside.cpv(repo.path, "migrate", "lfs", *args)
    assert done.status == status, done.text
    assert "Traceback" not in done.text
    return done.err if status else done.out


@pytest.mark.compatibility("Import and export", "from Git LFS, in one commit")
@pytest.mark.parametrize("smudged", [True, False])
def test_head_is_moved_in_one_commit(make_repo: MakeRepo, smudged: bool) -> None:
    repo = build(make_repo, smudged=smudged)
    before = repo.head()
    assert migrate(repo) == "4 files (7.1 kB) moved from Git LFS to DVC: v0.0, data-v0.0\n"
    assert repo.git("rev-parse", "HEAD^").out.strip() == before
    tracked = repo.git("ls-files", "-z").out.split("\0")
    assert {"model.bin.dvc", "data.dvc", "odd name/c.bin.dvc", "train.py"} <= set(tracked)
    assert not set(FILES) & set(tracked)
    assert {name: repo.read(name) for name in FILES} == FILES
    assert repo.read(".gitattributes") == b"*.md text\n"
    assert repo.changes() == []
    assert repo.dvc("status").out == "Data and pipelines are up to date.\n"
    # A colleague who has plain Git and plain DVC.
    repo.git("clone", "-q", ".", "../clone")
    clone = Shell(repo.path.parent / "clone")
    clone.dvc("pull", "-q")
    assert {name: clone.read(name) for name in FILES} == FILES


def test_a_plan_names_the_bytes_and_changes_nothing(make_repo: MakeRepo) -> None:
    repo = build(make_repo)
    with nothing_changes(repo.path):
        shown = migrate(repo, "--dry-run")
    assert f"would file: take 4 files (7.1 kB) from {repo.path}/.git/lfs, verified by SHA-256\n" in shown
    assert "would git: stop tracking model.bin, whose content DVC keeps\n" in shown
    assert "would file: change .gitattributes\n" in shown
    assert "would git: create refs/tags/v0.0\n" in shown
    found = json.loads(migrate(repo, "--json"))
    assert found == {
        "artifacts": ["data", "model.bin", "odd name/c.bin"], "files": 4, "size": 7111, "tags": ["v0.0", "data-v0.0"],
    }  # fmt: skip


def test_a_folder_that_is_only_partly_in_lfs_is_moved_file_by_file(make_repo: MakeRepo) -> None:
    repo = build(make_repo)
    repo.write("data/README.md", "what it is\n")
    repo.git("add", "data/README.md")
    repo.git("commit", "-q", "-m", "notes", "--no-verify")
    migrate(repo)
    assert {"data/a.bin.dvc", "data/sub/b.bin.dvc", "data/README.md"} <= set(repo.git("ls-files").lines)
    assert {name: repo.read(name) for name in FILES} == FILES
    assert repo.changes() == []


def refused(repo: ModelRepo, said: str, *args: str) -> None:
    with nothing_changes(repo.path, repo.path.parent / "storage"):
        assert migrate(repo, *args, status=1) == f"cpv: {said}\n"


def test_what_cannot_be_moved_is_named_and_nothing_changes(make_repo: MakeRepo) -> None:
    repo = build(make_repo)
    name = repo.path / lfs.store(repo, FILES["model.bin"])
    name.write_bytes(b"W" + FILES["model.bin"][1:])
    fix = f"rm {name}, then git lfs fetch --all"
    refused(repo, f"{name}: the Git LFS object of model.bin is damaged; fix: {fix}")
    name.unlink()
    what = f"1 Git LFS object not in this clone: model.bin (e.g. {name.name})"
    refused(repo, f"{name.parents[3]}: {what}; fix: git lfs fetch --all, where git-lfs is installed", "--dry-run")
    lfs.store(repo, FILES["model.bin"])
    repo.write("data/a.bin", "mine")
    fix = "git commit or git stash it first, or git checkout -- data/a.bin"
    refused(repo, f"data/a.bin: has changes that are not committed; fix: {fix}")
    repo.write("data/a.bin", FILES["data/a.bin"])
    repo.write("data/new", "mine")
    refused(repo, "data: holds new, which Git does not track; fix: move it out of data, or commit it first")
    (repo.path / "data/new").unlink()
    migrate(repo)
    where = "HEAD keeps no file in Git LFS; fix: git lfs ls-files --all, then name refs"
    refused(repo, f"{repo.path}: {where}")


def test_an_extension_is_named(make_repo: MakeRepo) -> None:
    repo = build(make_repo)
    text = lfs.pointer(b"x").replace("oid", "ext-0-crypt sha256:" + "0" * 64 + "\noid")
    repo.write("extended.bin", text)
    repo.git("add", "extended.bin")
    repo.git("commit", "-q", "-m", "extended", "--no-verify")
    what = "is kept through a Git LFS extension, which CPV cannot undo; fix: git lfs migrate export first"
    refused(repo, f"extended.bin: {what}")


def test_a_kill_is_undone_and_the_next_run_finishes(make_repo: MakeRepo) -> None:
    repo = build(make_repo, smudged=False)
    before = repo.head()
    call = "from cpv_hooks.migration import lfs_head\nwith lfs_head.moving(project, fetch=False) as plan: plan.run()"
    killed.kill_at(repo, "tag", call)
    assert migrate(repo).endswith("moved from Git LFS to DVC: v0.0, data-v0.0\n")
    assert repo.git("rev-parse", "HEAD^").out.strip() == before
    assert {name: repo.read(name) for name in FILES} == FILES
    assert repo.changes() == []


ATTRIBUTES = [
    (b"*.bin filter=lfs diff=lfs merge=lfs -text\n", b""),
    (b'"a b.bin" filter=lfs diff=lfs merge=lfs -text lockable\r\n*.md text\n', b"*.md text\n"),
    (b"*.bin filter=lfs diff=lfs merge=lfs -text export-ignore\n", b"*.bin -text export-ignore\n"),
    (b"# *.bin filter=lfs\n*.bin\tfilter=lfs", b"# *.bin filter=lfs\n"),
    (b"*.png -text\n[attr]big filter=lfs -text\n*.txt filter=other\n", b"*.png -text\n*.txt filter=other\n"),
]


@pytest.mark.parametrize(("before", "after"), ATTRIBUTES)
def test_attributes_of_the_users_own_stay(before: bytes, after: bytes) -> None:
    assert without_lfs(before) == after


def test_the_folder_of_objects_may_lie_elsewhere(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = build(make_repo)
    (repo.path / ".git/lfs").rename(tmp_path / "elsewhere")
    repo.git("config", "lfs.storage", str(tmp_path / "elsewhere"))
    migrate(repo)
    assert repo.changes() == []
