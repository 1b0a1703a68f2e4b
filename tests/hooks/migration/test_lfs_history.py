"""`migrate lfs` with history: every commit has DVC's pointers, the refs move together, and the old ones are kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import MakeRepo

from support import inside, killed, lfs, stand_in
from support.repos import ModelRepo
from support.shell import Result, Shell
from support.unchanged import nothing_changes

OLD, NEW = b"first" * 100, b"second" * 100


def build(make_repo: MakeRepo) -> ModelRepo:
    """Three commits on main, a side branch that is merged, tags; the settings came last."""
    repo = make_repo(install=False)
    repo.git("update-ref", "-d", "HEAD")
    repo.git("rm", "-rq", "--cached", ".")
    repo.write(".gitattributes", lfs.TRACKED)
    repo.write(".gitignore", "*.tmp\n")
    repo.write("train.py", "pass\n")
    repo.git("add", ".gitattributes", ".gitignore", "train.py")
    lfs.keep(repo, {"model.bin": OLD, 'odd "name"/a.bin': b"odd"}, smudged=False)
    repo.git("commit", "-q", "-m", "one\n\nwith a body")
    repo.git("tag", "-a", "-m", "the first", "first")
    repo.git("switch", "-qc", "side")
    lfs.keep(repo, {"data/a.bin": b"1" * 50}, smudged=False)
    repo.git("commit", "-q", "-m", "data")
    repo.git("switch", "-q", "main")
    lfs.keep(repo, {"model.bin": NEW}, smudged=False)
    repo.git("commit", "-q", "-m", "two")
    repo.git("merge", "-q", "--no-edit", "side")
    repo.git("add", "-f", ".cpv.toml", ".dvc/config", ".dvc/.gitignore", ".dvcignore")
    repo.git("commit", "-q", "-m", "set up")
    repo.write("model.bin", NEW)  # as `git lfs checkout` does; the others are pointers
    stand_in.install(repo.path)
    return repo


def migrate(repo: ModelRepo, *args: str | Path, status: int = 0) -> Result:
    done = inside.cpv(repo.path, "migrate", "lfs", *args)
    assert done.status == status, done.text
    assert "Traceback" not in done.text
    return done


@pytest.mark.compatibility("Import and export", "from Git LFS, with all of history")
def test_every_commit_has_pointers_of_dvc(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = build(make_repo)
    before = {ref: repo.git("rev-parse", ref).out.strip() for ref in ("main", "side", "first")}
    log = repo.git("log", "--format=%an %ad %cn %cd%n%B", "--all").out
    with nothing_changes(repo.path):
        shown = migrate(repo, "--everything", "--dry-run").out
    assert "would git: rewrite refs/heads/side, and keep the old one as refs/original/refs/heads/side\n" in shown
    found = json.loads(migrate(repo, "--everything", "--json", "--object-map", tmp_path / "map").out)
    assert {row["ref"] for row in found["refs"]} == {"refs/heads/main", "refs/heads/side", "refs/tags/first"}
    assert found["files"] == 4
    assert (tmp_path / "map").read_text().splitlines() == [f"{old},{new}" for old, new in found["commits"].items()]
    assert len(found["commits"]) == 5
    assert repo.git("log", "--format=%an %ad %cn %cd%n%B", "--branches", "--tags").out == log
    assert repo.git("cat-file", "tag", "first").out.endswith("the first\n")
    for ref, old in before.items():
        assert old in repo.git("for-each-ref", "--format=%(objectname)", "refs/original").lines, ref
    assert (repo.changes(), repo.git("fsck", "--no-dangling").out) == ([], "")
    assert (repo.read("model.bin"), repo.read("data/a.bin")) == (NEW, b"1" * 50)
    for rev in ("first", "side", "main~1^1", "main"):
        files = repo.git("ls-tree", "-r", "--name-only", "-z", rev).out.split("\0")
        assert {"model.bin.dvc", 'odd "name"/a.bin.dvc', ".dvc/config", ".cpv.toml", "train.py"} <= set(files)
        assert not [name for name in files if name.endswith(".bin") or name == ".gitattributes"]
    assert repo.git("show", "first:.gitignore").out == "*.tmp\n/model.bin\n"
    # What older commits need goes with the push, so that plain Git and plain DVC have it all.
    repo.git("init", "-q", "--bare", "../bare")
    repo.git("push", "-q", "../bare", "main", "side", "first")
    repo.git("clone", "-q", "../bare", "../clone")
    clone = Shell(tmp_path / "clone")
    for rev, content in (("first", OLD), ("origin/main", NEW)):
        clone.git("checkout", "-q", rev)
        clone.dvc("pull", "-q")
        assert clone.read("model.bin") == content
    assert clone.read("data/a.bin") == b"1" * 50
    said = f"cpv: {repo.path}: no commit of these refs keeps a file in Git LFS; fix: git lfs ls-files --all\n"
    assert migrate(repo, "--everything", status=1).err == said


def test_what_is_published_moves_only_by_name(make_repo: MakeRepo) -> None:
    repo = build(make_repo)
    repo.git("init", "-q", "--bare", "../bare")
    repo.git("remote", "add", "origin", "../bare")
    repo.git("push", "-q", "--no-verify", "origin", "side")
    said = migrate(repo, "--everything", status=1).err
    what = "has published commits, and rewriting them affects everybody who has them"
    assert said == f"cpv: main: {what}; fix: dvc cpv migrate lfs main, if that is agreed\n"
    migrate(repo, "side")
    assert repo.git("ls-tree", "--name-only", "side", "--", "model.bin", "model.bin.dvc").lines == ["model.bin.dvc"]
    assert repo.git("ls-tree", "--name-only", "main", "--", "model.bin", "model.bin.dvc").lines == ["model.bin"]


def test_what_cannot_be_rewritten_is_named_and_nothing_changes(make_repo: MakeRepo) -> None:
    repo = build(make_repo)

    def refused(*args: str) -> str:
        before = (repo.git("for-each-ref").out, repo.tree())
        done = migrate(repo, *args, status=1)
        assert (repo.git("for-each-ref").out, repo.tree()) == before
        assert len(done.err.splitlines()) == 1
        return done.err

    assert "'nothing' is not a branch or tag" in refused("nothing")
    assert "'HEAD~1' is not a branch or tag" in refused("HEAD~1")
    missing = repo.path / lfs.store(repo, OLD)
    missing.unlink()
    assert f"1 Git LFS object not in this clone: model.bin (e.g. {missing.name})" in refused(
        "--everything", "--dry-run"
    )
    lfs.store(repo, OLD)
    repo.git("worktree", "add", "-q", "../linked", "side")
    assert "refs/heads/side: is checked out in another work tree" in refused("--everything")
    repo.git("worktree", "remove", "--force", "../linked")
    repo.write("train.py", "more\n")
    repo.git("add", "train.py")
    assert "has changes that are staged" in refused("--everything")
    repo.git("commit", "-qm", "more", "--no-verify")
    repo.git("update-ref", "refs/original/refs/heads/main", "HEAD")
    assert "refs/original/refs/heads/main: is left over from an earlier rewrite" in refused("--everything")


@pytest.mark.parametrize("step", ["refs", "done"])
def test_a_kill_is_undone_and_the_next_run_finishes(make_repo: MakeRepo, step: str) -> None:
    repo = build(make_repo)
    before = repo.git("for-each-ref").out
    call = "from cpv_hooks.migration.lfs_history import plan_history\nplan_history(project, [], fetch=False).run()"
    killed.kill_at(repo, step, call)
    inside.cpv(repo.path, "recover")
    assert [line for line in repo.git("for-each-ref").out.splitlines() if "cpv/migrating" not in line] == (
        before.splitlines()
    )
    migrate(repo, "--everything")
    assert (repo.changes(), repo.read("model.bin")) == ([], NEW)
    assert not repo.git("for-each-ref", "refs/cpv").out


@pytest.mark.parametrize("where", ["submodule", "separate Git directory"])
def test_where_git_keeps_its_directory_elsewhere(make_repo: MakeRepo, where: str) -> None:
    """Git lists that directory as the work tree; a branch that another one has is refused with a command that works."""
    repo = build(make_repo)
    if where == "submodule":
        above = Shell(repo.path.parent / "above")
        above.path.mkdir()
        above.git("init", "-q")
        repo.path.rename(above.path / "lib")
        repo = ModelRepo(above.path / "lib")
        above.git("submodule", "--quiet", "add", "./lib", "lib")
        above.git("submodule", "absorbgitdirs")
    else:
        repo.git("init", "-q", "--separate-git-dir", "../git-directory")
    stand_in.install(repo.path)
    repo.git("worktree", "add", "-q", "../linked", "side")
    refused = migrate(repo, "main", "side", status=1).err
    assert (
        f"refs/heads/side: is checked out in another work tree; fix: git -C {repo.path.parent / 'linked'} sw" in refused
    )
    linked = ModelRepo(repo.path.parent / "linked")
    linked.git("checkout", "-q", "--detach")
    linked.git("merge", "-q", "main")
    from_there = migrate(linked, "main", status=1).err
    assert (
        f"refs/heads/main: is checked out in another work tree; fix: git -C {repo.path} switch --detach" in from_there
    )
    repo.git("worktree", "remove", "--force", "../linked")
    migrate(repo, "main", "side")
    assert "model.bin.dvc" in repo.git("ls-tree", "-r", "--name-only", "main~2").out
    assert (repo.path / "model.bin").read_bytes() == NEW
