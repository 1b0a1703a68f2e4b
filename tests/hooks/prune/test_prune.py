"""What something needs survives, what nothing needs goes; every kind of root by itself."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cpv_hooks.console.times import DAY
from cpv_hooks.dvcformat.cache import Cache
from cpv_hooks.dvcformat.pointer import Content
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.system.locks import Busy, locked
from cpv_hooks.transfer.objects.upload_queue import Queue
from cpv_hooks.upkeep.prune import sweep
from cpv_hooks.upkeep.prune.prune_plan import PruneOptions, PrunePlan
from cpv_hooks.worktree.base_index import BaseEntry, Index
from cpv_hooks.worktree.rescue_list import drop_rescues, record
from support import stand_in
from support.repos import ModelRepo
from support.shell import Shell
from support.two_versions import STORAGE, cached, md5, oid_of, project_of, save, spoil, stored

LONG_AGO = {"GIT_COMMITTER_DATE": "@1600000000 +0000"}


def plan(repo: Shell, **options: object) -> PrunePlan:
    project = project_of(repo)
    age(repo.path / ".dvc/cache/files/md5", 2 / 24)
    return sweep.plan_prune(project.repo, [project], PruneOptions(**options))  # type: ignore[arg-type]


def going(repo: Shell, **options: object) -> set[str]:
    """The objects that would leave the cache."""
    return {item.oid for part in plan(repo, **options).caches for item in part.objects}


def prune(repo: Shell, **options: object) -> PrunePlan:
    """Do it, as the command does."""
    project = project_of(repo)
    with sweep.locks(project.repo, [project]):
        found = plan(repo, **options)
        sweep.sweep(project.repo, found)
    return found


def age(folder: Path, days: float) -> None:
    """Make every file below a folder that old."""
    moment = time.time() - days * DAY
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (moment, moment))


def pointer_text(content: bytes, name: str = "x.bin") -> str:
    return f"outs:\n- md5: {md5(content)}\n  size: {len(content)}\n  hash: md5\n  path: {name}\n"


def put(repo: Shell, content: bytes) -> str:
    """Put a content into the cache; returns its id."""
    Cache(repo.path / ".dvc/cache").add_bytes(md5(content), content)
    return md5(content)


def tree_of(repo: Shell, content: bytes) -> str:
    blob = repo.git("hash-object", "-w", "--stdin", input=pointer_text(content)).out.strip()
    return repo.git("mktree", input=f"100644 blob {blob}\tx.bin.dvc\n").out.strip()


def commit_of(repo: Shell, content: bytes, *parents: str) -> str:
    """A commit that mentions a content and that nothing refers to."""
    put(repo, content)
    before = [word for parent in parents for word in ("-p", parent)]
    return repo.git("commit-tree", tree_of(repo, content), *before, "-m", "adrift").out.strip()


class Roots:
    """Every kind of root, each the only one that needs its own content; `release` takes them all away."""

    def __init__(self, repo: ModelRepo) -> None:
        self.repo = repo
        self.git = Repo.discover(repo.path)
        self.kinds: dict[str, str] = {}
        self._releases: list[Callable[[], object]] = []
        self._refs()
        self._stashes()
        self._reflogs()
        self._under_way()
        self._other_work_tree()
        self._standing()

    def _content(self, kind: str) -> bytes:
        self.kinds[md5(kind.encode())] = kind
        put(self.repo, kind.encode())
        return kind.encode()

    def _commit(self, kind: str, *parents: str) -> str:
        return commit_of(self.repo, self._content(kind), *parents)

    def release(self) -> None:
        for action in self._releases:
            action()

    def _refs(self) -> None:
        names = {
            "a branch": "refs/heads/side",
            "a lightweight tag": "refs/tags/light",
            "a remote branch": "refs/remotes/origin/theirs",
            "a ref of CPV's": "refs/cpv/kept",
            "an experiment": "refs/exps/ab/cd/name",
            "a note-like ref": "refs/whatever/deep/down",
            "a replaced commit": f"refs/replace/{'1' * 40}",
        }
        for kind, ref in names.items():
            self.repo.git("update-ref", ref, self._commit(kind))
            self._releases.append(lambda ref=ref: self.repo.git("update-ref", "-d", ref))  # type: ignore[misc]
        self.repo.git("tag", "-a", "-m", "x", "inner", self._commit("an annotated tag of a tag"))
        self.repo.git("tag", "-a", "-m", "x", "heavy", "inner")
        self.repo.git("tag", "tree", tree_of(self.repo, self._content("a tag of a tree")))
        self.repo.git("branch", "long", self._commit("a commit behind a branch"))
        self.repo.git("branch", "-f", "long", self._commit("the tip", "long"))
        self._releases += [
            lambda: self.repo.git("tag", "-d", "inner", "heavy", "tree"),
            lambda: self.repo.git("branch", "-qD", "long"),
        ]

    def _stashes(self) -> None:
        head = self.repo.head()
        for number in (1, 2):
            index = self._commit(f"the index of stash {number}", head)
            untracked = self._commit(f"untracked files of stash {number}")
            stash = self._commit(f"stash {number}", head, index, untracked)
            self.repo.git("stash", "store", "-m", "x", stash, env=LONG_AGO)
        self._releases.append(lambda: self.repo.git("stash", "clear"))

    def _reflogs(self) -> None:
        for kind, ref in (("the reflog of a branch", "refs/heads/moved"), ("the reflog of HEAD", "HEAD")):
            here = self.repo.head()
            self.repo.git("update-ref", "--create-reflog", ref, self._commit(kind))
            self.repo.git("update-ref", ref, here)
        self._releases.append(lambda: self.repo.git("reflog", "expire", "--expire=all", "--all"))

    def _under_way(self) -> None:
        for kind, name in (
            ("a merge", "MERGE_HEAD"),
            ("a cherry-pick", "CHERRY_PICK_HEAD"),
            ("a rebase", "rebase-merge/orig-head"),
            ("a young ORIG_HEAD", "ORIG_HEAD"),
            ("a journal's commit", "cpv/journal/1.json"),
            ("a detour", "cpv/detour"),
        ):
            file = self.git.git_dir / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f'"{self._commit(kind)}"\n')
            self._releases.append(file.unlink)

    def _other_work_tree(self) -> None:
        other = Shell(self.repo.path.parent / "other")
        self.repo.git("worktree", "add", "-q", "--detach", other.path, self._commit("HEAD of another work tree"))
        other.git("update-ref", "refs/worktree/mine", self._commit("a ref of another work tree"))
        other.write("y.bin.dvc", pointer_text(self._content("a pointer in another work tree")))
        other.write("z.bin.dvc", pointer_text(self._content("the index of another work tree")))
        other.git("add", "z.bin.dvc")
        (other.path / "z.bin.dvc").unlink()
        self._releases.append(lambda: self.repo.git("worktree", "remove", "--force", other.path))

    def _standing(self) -> None:
        repo, git = self.repo, self.git
        repo.write("new.bin.dvc", pointer_text(self._content("an untracked pointer")))
        repo.write("staged.bin.dvc", pointer_text(self._content("a staged pointer")))
        repo.git("add", "staged.bin.dvc")
        (repo.path / "staged.bin.dvc").unlink()
        index = Index.load(git.state)
        index.set("base.bin", BaseEntry(md5(self._content("the base of a sync"))))
        index.set("half", BaseEntry("0" * 32 + ".dir", placing=md5(self._content("what was being placed"))))
        index.save()
        record(git, "model.bin", Content(md5(self._content("a rescue")), 8), why="post-checkout")
        queued = self._commit("a queued upload")
        Queue.of(git).add(".", [queued], "commit")
        run = repo.write(".dvc/cache/runs/aa/bb/cc", pointer_text(self._content("a young run")))
        note = repo.write(".git/cpv/journal/2.json", f'{{"oid": "{md5(self._content("an object of a journal"))}"}}')

        def forget() -> None:
            index.forget("base.bin")
            index.forget("half")
            index.save()

        self._releases += [
            (repo.path / "new.bin.dvc").unlink,
            lambda: repo.git("rm", "-q", "--cached", "staged.bin.dvc"),
            forget,
            lambda: drop_rescues(git, everything=True),
            lambda: Queue.of(git).done(".", [queued]),
            run.unlink,
            note.unlink,
        ]


def test_every_root_keeps_its_content_and_without_it_the_content_goes(repo: ModelRepo) -> None:
    adrift = md5(b"adrift")
    commit_of(repo, b"adrift")
    roots = Roots(repo)
    assert {roots.kinds.get(oid, oid) for oid in going(repo)} == {adrift}
    roots.release()
    assert {roots.kinds.get(oid, oid) for oid in going(repo)} == {adrift, *roots.kinds.values()}
    before = {path: path.read_bytes() for path in (repo.path / ".dvc/cache/files").rglob("*") if path.is_file()}
    done = prune(repo)
    assert {item.oid for item in done.objects} == {adrift, *roots.kinds}
    assert done.bytes == sum(len(kind) for kind in roots.kinds.values()) + len("adrift")
    left = {path.parent.name + path.name for path in before if path.exists()}
    assert left == {oid for rev in ("v0.0", "v0.1") for oid in everything_of(repo, rev)}
    repo.git("fsck", "--full", "--strict")
    assert prune(repo).empty


def everything_of(repo: ModelRepo, rev: str) -> set[str]:
    contents = {"v0.0": (b"weights", b"a"), "v0.1": (b"heavier weights", b"changed")}[rev]
    folder = oid_of(repo, "data", rev)
    return {*map(md5, contents), md5(b"b"), md5(b"loss=1\n"), folder}


def test_reflog_entries_count_for_the_grace_period_alone(repo: ModelRepo) -> None:
    lost = commit_of(repo, b"lost")
    when = {"GIT_COMMITTER_DATE": f"@{int(time.time() - 10 * DAY)} +0000"}
    repo.git("update-ref", "--create-reflog", "refs/heads/x", lost, env=when)
    repo.git("update-ref", "refs/heads/x", repo.head(), env=when)
    assert going(repo) == set()
    assert going(repo, grace=11 * DAY) == set()
    assert going(repo, grace=9 * DAY) == {md5(b"lost")}


def test_what_is_new_in_the_cache_is_left_alone_for_an_hour(repo: ModelRepo) -> None:
    project = project_of(repo)
    put(repo, b"on its way")
    assert not sweep.plan_prune(project.repo, [project], PruneOptions()).objects
    assert sweep.plan_prune(project.repo, [project], PruneOptions(grace=0)).objects


def test_what_was_renewed_after_the_plan_stays(repo: ModelRepo) -> None:
    oid = put(repo, b"adrift")
    found = plan(repo)
    assert [item.oid for item in found.objects] == [oid]
    os.utime(cached(repo, oid))
    sweep.sweep(Repo.discover(repo.path), found)
    assert cached(repo, oid).exists()


def test_a_pointer_that_nobody_can_read_protects_all_the_same(repo: ModelRepo) -> None:
    ours, theirs = put(repo, b"ours"), put(repo, b"theirs")
    conflict = f"<<<<<<< HEAD\n- md5: {ours}\n=======\n- md5: {theirs}\n>>>>>>> x\n"
    repo.write("model.bin.dvc", conflict)
    repo.git("commit", "-qam", "markers")
    assert going(repo) == set()


def test_a_directory_keeps_its_files_though_only_the_remote_lists_them(repo: ModelRepo) -> None:
    cached(repo, oid_of(repo, "data")).unlink()
    cached(repo, oid_of(repo, "data", "v0.0")).unlink()
    put(repo, b"adrift")
    shutil.rmtree(repo.path / ".git/cpv/trees")
    assert going(repo) == {md5(b"adrift")}


def test_a_directory_that_nobody_lists_stops_it(repo: ModelRepo) -> None:
    folder = oid_of(repo, "data", "v0.0")
    cached(repo, folder).unlink()
    spoil(stored(repo, folder), b"[]")
    with pytest.raises(CPVError) as caught:
        going(repo)
    assert str(caught.value) == (
        f"{repo.path}: neither the cache nor the remote has {folder}, so which files it needs is not known; "
        "fix: dvc cpv verify --all --repair; or --force, if its files may go"
    )
    assert going(repo, force=True) == {md5(b"a")}
    cached(repo, md5(b"a")).unlink()
    assert going(repo) == set(), "nothing could go, so nobody asks"


def test_a_shallow_clone_is_not_pruned(repo: ModelRepo) -> None:
    repo.git("clone", "-q", "--depth=1", f"file://{repo.path}", repo.path.parent / "shallow")
    shallow = Shell(repo.path.parent / "shallow")
    put(shallow, b"adrift")
    with pytest.raises(CPVError, match=r"this clone is shallow, .*; fix: git fetch --unshallow"):
        going(shallow)


def test_a_clone_that_lacks_pointers_is_not_pruned(repo: ModelRepo) -> None:
    repo.git("config", "uploadpack.allowFilter", "true")
    place = repo.path.parent / "partial"
    repo.git("clone", "-q", "--filter=blob:none", f"file://{repo.path}", place)
    partial = Shell(place)
    put(partial, b"adrift")
    origin = repo.path.rename(repo.path.parent / "away")
    with pytest.raises(CPVError, match=r"could not read the object \w+: .*promisor remote; fix: git fetch"):
        going(partial)
    # A clone that brings objects when they are asked for needs only its origin.
    origin.rename(repo.path)
    assert len(going(partial)) == 1


def test_every_work_tree_and_dvc_wait_while_it_is_at_work(repo: ModelRepo) -> None:
    repo.git("worktree", "add", "-q", repo.path.parent / "linked", "v0.0")
    project = project_of(repo)
    with sweep.locks(project.repo, [project]):
        for tree in (repo.path, repo.path.parent / "linked"):
            with pytest.raises(Busy), locked(Repo.discover(tree).state / "lock", wait=False, say="testing"):
                pass
        assert "Unable to acquire lock" in repo.dvc("add", "model.bin", status=None).err


def test_a_ref_to_nowhere_stops_it(repo: ModelRepo) -> None:
    (repo.path / ".git/refs/heads/broken").write_text("1" * 40 + "\n")
    with pytest.raises(CPVError, match=f"a ref names {'1' * 40}, which is not in this clone"):
        going(repo)


def test_what_git_has_forgotten_of_a_reflog_is_passed_over(repo: ModelRepo) -> None:
    with (repo.path / ".git/logs/HEAD").open("a") as log:
        log.write(f"{'1' * 40} {'2' * 40} A <a@b> {int(time.time())} +0000\tlost\n")
    assert going(repo) == set()


@pytest.mark.parametrize("setting", ["elsewhere", "group"])
def test_a_cache_that_others_may_use_is_left_alone(repo: ModelRepo, setting: str) -> None:
    if setting == "elsewhere":
        repo.dvc("config", "--local", "cache.dir", repo.path.parent / "shared")
        Cache(repo.path.parent / "shared").add_bytes(md5(b"x"), b"x")
    else:
        repo.dvc("config", "--local", "cache.shared", "group")
    with pytest.raises(CPVError, match=r"other repositories may use this cache.*; fix: dvc cpv prune --force"):
        going(repo)
    age(repo.path.parent / "shared", 1)
    assert going(repo, force=True) == ({md5(b"x")} if setting == "elsewhere" else set())


def test_the_cache_of_the_main_work_tree_is_this_repository_s(repo: ModelRepo) -> None:
    repo.git("worktree", "add", "-q", repo.path.parent / "linked", "v0.0")
    linked = Shell(repo.path.parent / "linked")
    linked.write(".dvc/config.local", f"[cache]\n    dir = {repo.path}/.dvc/cache\n")
    put(repo, b"adrift")
    age(repo.path / ".dvc/cache/files", 1)
    assert going(linked) == {md5(b"adrift")}


# Older versions


def test_older_versions_leave_the_cache_where_the_remote_has_them(repo: ModelRepo) -> None:
    save(repo, {"model.bin": b"third"})
    repo.git("tag", "v0.2")
    assert going(repo, keep=1) == {md5(b"weights"), md5(b"heavier weights"), md5(b"a"), oid_of(repo, "data", "v0.0")}
    assert going(repo, keep=2) == {md5(b"weights"), md5(b"a"), oid_of(repo, "data", "v0.0")}
    assert going(repo, keep=3) == set()
    assert {item.why for item in plan(repo, keep=1).objects} == {"an older version, on the remote"}
    # A branch keeps what it points to, and the remote must have the very bytes.
    repo.git("branch", "old", "v0.0")
    spoil(stored(repo, md5(b"heavier weights")), b"cut")
    assert going(repo, keep=1) == set()
    repo.git("branch", "-qD", "old")
    stored(repo, md5(b"a")).unlink()
    assert going(repo, keep=1) == {md5(b"weights"), oid_of(repo, "data", "v0.0")}


def test_both_conditions_must_hold(repo: ModelRepo) -> None:
    save(repo, {"model.bin": b"third"})
    assert going(repo, older_than=DAY) == set()
    assert going(repo, older_than=0.0) >= {md5(b"weights"), md5(b"heavier weights")}
    assert md5(b"heavier weights") not in going(repo, older_than=0.0, keep=1)
    assert going(repo, older_than=DAY, keep=0) == set()


def test_what_left_the_cache_comes_back_with_a_checkout(repo: ModelRepo) -> None:

    stand_in.install(repo.path)
    prune(repo, keep=1)
    assert not cached(repo, md5(b"weights")).exists()
    for tag, content, inner in (("v0.0", b"weights", b"a"), ("v0.1", b"heavier weights", b"changed")):
        repo.git("checkout", "-q", tag)
        assert (repo.read("model.bin"), repo.read("data/a"), repo.changes()) == (content, inner, [])
    repo.git("fsck", "--full", "--strict")


def test_what_is_not_uploaded_stays_however_old_it_is(repo: ModelRepo) -> None:
    for number in range(3):
        save(repo, {"model.bin": b"unpublished %d" % number})
        repo.git("tag", f"v1.{number}")
    gone = going(repo, keep=1)
    assert not gone & {md5(b"unpublished %d" % number) for number in range(3)}
    assert md5(b"weights") in gone


def test_without_a_remote_nothing_can_be_verified(repo: ModelRepo) -> None:
    repo.dvc("remote", "remove", "storage")
    with pytest.raises(CPVError, match="no DVC remote is configured"):
        going(repo, keep=1)
    assert going(repo) == set()


# Leftovers


def test_temporary_files_of_ours_go_after_a_day(repo: ModelRepo) -> None:
    old = [repo.write(".dvc/cache/cpv/1.cpv-tmp", b"123"), repo.write(".dvc/tmp/cpv/2.cpv-tmp", b"45")]
    # A directory that was being built, whose newest file counts.
    built, building = repo.path / ".dvc/tmp/cpv/4.cpv-tmp", repo.path / ".dvc/tmp/cpv/5.cpv-tmp"
    for stage in (built, building):
        old.append(repo.write(f"{stage}/sub/file", b"890"))
    for file in old:
        os.utime(file, (0, 0))
    for top in (built, building):
        os.utime(top, (0, 0))
    os.utime(building / "sub/file")
    old[2:] = [built]
    young = repo.write(".dvc/cache/cpv/3.cpv-tmp", b"6")
    foreign = repo.write(".dvc/cache/files/md5/ab/something", b"7")
    found = prune(repo)
    assert (set(found.caches[0].leftovers), found.bytes) == (set(old), 8)
    assert not any(file.exists() for file in old)
    assert young.exists()
    assert building.exists()
    assert foreign.exists()


def test_a_remote_is_not_touched_unless_asked(repo: ModelRepo) -> None:
    before = sorted((repo.path.parent / STORAGE).rglob("*"))
    age(repo.path.parent / STORAGE, 400)
    repo.git("tag", "-d", "v0.0", "v0.1")
    prune(repo, keep=0, grace=0.0)
    assert sorted((repo.path.parent / STORAGE).rglob("*")) == before
