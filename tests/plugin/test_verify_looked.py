"""`dvc cpv verify` never says "nothing wrong" of what it did not look at, and looks at all that `prune` keeps."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.pointer import Content
from cpv_hooks.git.repo import Repo
from cpv_hooks.transfer.objects.upload_queue import Queue
from cpv_hooks.upkeep.verify import needs
from cpv_hooks.upkeep.verify.checked import VerifyReport
from cpv_hooks.upkeep.verify.verify import verify
from cpv_hooks.worktree.rescue_list import record
from support import two_versions
from support.repos import ModelRepo
from support.two_versions import STORAGE, cached, md5, project_of, save, spoil


@pytest.fixture
def repo(tmp_path: Path) -> ModelRepo:
    return two_versions.copy(tmp_path)


def look(repo: ModelRepo) -> VerifyReport:
    project = project_of(repo)
    refs = needs.every_ref(project.repo)
    kept = needs.kept(project.repo, refs)
    return verify(project, refs, Progress("testing"), kept=kept)


def wrong(repo: ModelRepo) -> dict[str, tuple[str, str]]:
    return {item.oid: (item.cache, item.remote) for item in look(repo).wrong}


def unpublished(repo: ModelRepo, ref: str, content: bytes) -> str:
    """A commit with a model of its own, that this ref alone names; returns the object."""
    repo.git("checkout", "-q", "--detach", "main")
    commit = save(repo, {"model.bin": content})
    repo.git("checkout", "-q", "main")
    two_versions.engine.run(repo, two_versions.SYNC)
    repo.git("update-ref", ref, commit)
    return md5(content)


def test_a_remote_that_does_not_answer(repo: ModelRepo) -> None:
    place = repo.path.parent / STORAGE
    shutil.move(place, place.with_name("away"))
    place.write_text("no folder")
    done = repo.cpv("verify", status=1)
    assert done.out == (
        "5 objects (156 B) of 1 version: nothing wrong in what was checked; not checked on the remote: 5 objects\n"
    )
    assert f"{place}: there is a file where the remote's directory should be" in done.err
    assert json.loads(repo.cpv("verify", "--json", status=1).out)[0]["not_looked_at"] == 5


def test_a_version_that_cannot_be_read(repo: ModelRepo) -> None:
    repo.write("metrics.log.dvc", b"outs: [\n")
    repo.git("-c", "core.hooksPath=/dev/null", "commit", "-qam", "broken")
    done = repo.cpv("verify", "HEAD", "v0.0", status=1)
    assert "nothing wrong in what was checked; not checked: 1 (see below)" in done.out
    assert "in HEAD: not YAML" in done.err


@pytest.mark.parametrize("ref", ["refs/exps/12/34567890/keen-crab", "refs/exps/exec/EXEC_HEAD", "refs/exps/stash"])
def test_what_dvc_keeps_for_itself_is_no_fault(repo: ModelRepo, ref: str) -> None:
    oid = unpublished(repo, ref, b"an experiment")
    assert wrong(repo) == {}
    assert oid in {item.oid for item in look(repo).checks}
    assert repo.cpv("verify", "--all").out.endswith("nothing wrong\n")
    spoil(cached(repo, oid), b"AN EXPERIMENT")
    assert wrong(repo) == {oid: ("corrupt", "absent")}
    cached(repo, oid).unlink()
    assert wrong(repo) == {}, "as after `dvc exp pull` without its data"


def test_a_branch_must_be_on_the_remote(repo: ModelRepo) -> None:
    oid = unpublished(repo, "refs/heads/side", b"on a branch")
    assert wrong(repo) == {oid: ("ok", "missing")}


def test_a_stash_below_the_topmost(repo: ModelRepo) -> None:
    oids = []
    for content in (b"below", b"above"):
        repo.write("model.bin", content)
        two_versions.engine.run(repo, two_versions.SYNC)
        repo.git("stash", "-q")
        two_versions.engine.run(repo, two_versions.SYNC)
        oids.append(md5(content))
    assert wrong(repo) == {}
    for oid in oids:
        cached(repo, oid).unlink()
    assert wrong(repo) == dict.fromkeys(oids, ("missing", "absent"))
    assert "the reflog of refs/stash" in repo.cpv("verify", "--all", status=1).out


def test_a_rescue(repo: ModelRepo) -> None:
    project = project_of(repo)
    place = cached(repo, md5(b"unsaved"))
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(b"unsaved")
    record(project.repo, "model.bin", Content(md5(b"unsaved"), 7), why="a checkout")
    assert wrong(repo) == {}
    place.unlink()
    assert wrong(repo) == {md5(b"unsaved"): ("missing", "absent")}
    assert "model.bin\t?\tcache: missing\tremote: absent\trescue 1\t" in repo.cpv("verify", "--all", status=1).out


def test_a_queued_upload_and_another_work_tree(repo: ModelRepo) -> None:
    queued = unpublished(repo, "refs/tmp/queued", b"queued")
    Queue.of(Repo.discover(repo.path)).add(".", [repo.git("rev-parse", "refs/tmp/queued").out.strip()], "commit")
    repo.git("update-ref", "-d", "refs/tmp/queued")
    assert queued in {item.oid for item in look(repo).checks}
    cached(repo, queued).unlink()
    assert wrong(repo) == {queued: ("missing", "absent")}


def test_what_the_work_tree_says(repo: ModelRepo) -> None:
    repo.write("model.bin", b"not committed")
    two_versions.engine.run(repo, two_versions.SYNC)
    assert md5(b"not committed") in {item.oid for item in look(repo).checks}
    spoil(cached(repo, md5(b"not committed")), b"NOT COMMITTED")
    assert wrong(repo) == {md5(b"not committed"): ("corrupt", "absent")}
