"""The remote loses only what no ref anywhere needs, and only after the grace period."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.console.progress import Progress
from cpv_hooks.console.times import DAY
from cpv_hooks.errors import CPVError
from cpv_hooks.remote.common.dvc_remote import DVCRemote
from cpv_hooks.sync.sync_policy import SYNC
from cpv_hooks.transfer.commits.upload_commits import publish
from cpv_hooks.transfer.objects.open import inventory_of, open_remote
from cpv_hooks.transfer.objects.upload_queue import Queue
from cpv_hooks.upkeep.prune import sweep
from cpv_hooks.upkeep.prune.prune_plan import PruneOptions, PrunePlan
from support import engine
from support.http_store import Files
from support.identity import allowing, limited
from support.repos import ModelRepo, remote_settings
from support.seaweed import Server
from support.shell import Shell
from support.two_versions import FILES, STORAGE, md5, project_of, save, stored


def plan(repo: Shell, **options: object) -> PrunePlan:
    project = project_of(repo)
    return sweep.plan_prune(project.repo, [project], PruneOptions(remote=True, **options))  # type: ignore[arg-type]


def going(repo: Shell, **options: object) -> set[str]:
    """The objects that would leave the remote."""
    return {item.oid for part in plan(repo, **options).remotes for item in part.objects}


def age(path: Path, days: float) -> None:
    moment = time.time() - days * DAY
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file():
            os.utime(file, (moment, moment))


@pytest.fixture
def published(repo: ModelRepo) -> ModelRepo:
    """With a Git remote that has everything, and an object on the DVC remote that nothing needs."""
    repo.git("clone", "-q", "--bare", repo.path, repo.path.parent / "host.git")
    repo.git("remote", "add", "origin", repo.path.parent / "host.git")
    orphan = stored(repo, md5(b"orphan"))
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"orphan")
    age(repo.path.parent / STORAGE, 60)
    return repo


def test_what_no_ref_needs_goes_when_it_is_old(published: ModelRepo) -> None:
    assert going(published) == {md5(b"orphan")}
    assert going(published, grace=61 * DAY) == set()
    age(stored(published, md5(b"orphan")), 10)
    assert going(published) == set(), "another clone may be about to push a commit that needs it"
    assert going(published, grace=DAY) == {md5(b"orphan")}

    project = project_of(published)
    queue, url = Queue.of(project.repo), open_remote(project).url
    queue.record(url, {md5(b"orphan"): 6})
    sweep.sweep(project.repo, plan(published, grace=DAY))
    assert not stored(published, md5(b"orphan")).exists()
    assert queue.verified(url, [md5(b"orphan")]) == set(), "the next push must look again"
    assert going(published, grace=0.0) == set()


def test_keep_and_older_than_take_nothing_from_the_remote(published: ModelRepo) -> None:
    assert going(published, keep=0, older_than=0.0) == {md5(b"orphan")}


def test_what_only_the_git_host_has_a_ref_for_stays(published: ModelRepo) -> None:
    published.git("push", "-q", "origin", "v0.0:refs/heads/theirs")
    for name in ("v0.0", "v0.1"):
        published.git("tag", "-d", name)
    published.git("push", "-q", "origin", "--delete", "refs/tags/v0.0", "refs/tags/v0.1")
    published.git("checkout", "-q", "--orphan", "fresh")
    published.git("commit", "-q", "-m", "a new history")
    published.git("branch", "-D", "main")
    published.git("push", "-q", "origin", "--force", "fresh:main")
    published.git("update-ref", "-d", "refs/remotes/origin/theirs")
    published.git("reflog", "expire", "--expire=all", "--all")
    assert going(published) == {md5(b"orphan")}
    published.git("push", "-q", "origin", "--delete", "theirs")
    published.git("reflog", "expire", "--expire=all", "--all")
    assert md5(b"weights") in going(published)


def test_a_colleague_s_commit_that_is_not_fetched_stops_it(published: ModelRepo) -> None:
    theirs = Shell(published.path.parent / "theirs")
    published.git("clone", "-q", published.path.parent / "host.git", theirs.path)
    theirs.git("commit", "-q", "--allow-empty", "-m", "theirs")
    theirs.git("push", "-q", "origin", "HEAD:refs/heads/side")
    with pytest.raises(CPVError) as caught:
        going(published)
    assert str(caught.value) == (
        f"{published.path}: origin has commits that this clone lacks (refs/heads/side); "
        "fix: git fetch --tags origin, then repeat the command"
    )
    theirs.git("push", "-q", "origin", ":side", "HEAD:refs/pull/5/head")
    with pytest.raises(CPVError, match=r"fix: git fetch origin refs/pull/5/head, then repeat the command"):
        going(published)
    published.git("fetch", "-q", "origin", "refs/pull/5/head")
    assert going(published) == {md5(b"orphan")}


def test_a_git_host_that_cannot_be_asked_stops_it(published: ModelRepo) -> None:
    (published.path.parent / "host.git").rename(published.path.parent / "away.git")
    with pytest.raises(CPVError, match=r"the refs of Git remote origin cannot be seen.*; fix: git ls-remote origin"):
        going(published)


def test_a_remote_that_others_may_use_is_left_alone(published: ModelRepo) -> None:
    elsewhere = published.path.parent / "common"
    (published.path.parent / STORAGE).rename(elsewhere)
    published.dvc("remote", "modify", "storage", "url", elsewhere)
    with pytest.raises(CPVError, match=r"remote storage: other repositories may use this remote, .*--remote --force"):
        going(published)
    assert going(published, force=True) == {md5(b"orphan")}


def test_what_a_killed_upload_left_goes_after_a_week(published: ModelRepo) -> None:
    folder = stored(published, md5(b"orphan")).parent
    old, young = folder / ".x.1-2.cpv-tmp", folder / ".y.1-2.cpv-tmp"
    for path, days in ((old, 8), (young, 6)):
        path.write_bytes(b"half")
        age(path, days)
    # So do notes that ranks of a job left for each other.
    notes = [
        published.write(f"{published.path.parent / STORAGE}/cpv/ranks/start/{name}", "{}")
        for name in ("welcome", "state")
    ]
    age(notes[0], 8)
    found = plan(published)
    assert [item.name for item in found.remotes[0].leftovers] == [str(old), str(notes[0])]
    assert found.bytes == len("half") + len("orphan") + len("{}")
    sweep.sweep(project_of(published).repo, found)
    assert [path.exists() for path in (old, young, *notes)] == [False, True, False, True]


def test_a_remote_that_cannot_say_what_it_has(make_repo: MakeRepo) -> None:
    with Files.serving() as server:
        repo = make_repo(install=False, remote=f"{server.url}/vision/resnet", files={"model.bin": b"w"})
        with pytest.raises(CPVError) as caught:
            going(repo)
    assert str(caught.value) == (
        f"{server.url}/vision/resnet: this server cannot list what it has; fix: dvc cpv prune, without --remote"
    )


# S3


@pytest.fixture
def bucket(s3_server: Server) -> str:
    return s3_server.make_bucket()


def abandon_a_version(repo: ModelRepo) -> None:
    """Publish two versions, and let no ref name the second any more."""
    save(repo, {"model.bin": b"gone"})
    publish(project_of(repo), ["HEAD", "HEAD~1"], Progress("testing"))
    repo.git("reset", "-q", "--hard", "HEAD~1")
    repo.git("reflog", "expire", "--expire=all", "--all")
    engine.run(repo, SYNC)
    (repo.path / ".git/ORIG_HEAD").unlink()


@pytest.fixture
def on_s3(make_repo: MakeRepo, s3_server: Server, bucket: str) -> ModelRepo:
    """One published version, an object that nothing needs, and an upload of one that nobody finished."""
    repo = make_repo(install=False, remote=f"s3://{bucket}/vision/resnet", server=s3_server, files=FILES)
    abandon_a_version(repo)
    client = s3_server.client()
    for name in ("vision/resnet/files/md5/ab/" + "c" * 30, "vision/resnet/other", "foreign"):
        upload = client.create_multipart_upload(Bucket=bucket, Key=name)["UploadId"]
        client.upload_part(Bucket=bucket, Key=name, UploadId=upload, PartNumber=1, Body=b"part")
    return repo


def test_on_s3(on_s3: ModelRepo, s3_server: Server, bucket: str) -> None:
    assert going(on_s3) == set(), "it is too young"
    assert not plan(on_s3).remotes[0].leftovers
    project, note = project_of(on_s3), "vision/resnet/cpv/ranks/start/welcome"
    s3_server.client().put_object(Bucket=bucket, Key=note, Body=b"{}")
    found = plan(on_s3, grace=0.0)
    assert {item.oid for item in found.remotes[0].objects} == {md5(b"gone")}
    assert [(item.name, item.size) for item in found.remotes[0].leftovers] == [
        (note, 2),
        (f"unfinished upload of vision/resnet/files/md5/ab/{'c' * 30}", 4),
    ]
    sweep.sweep(project.repo, found)
    assert len(s3_server.keys(bucket)) == len(FILES) + 1
    uploads = s3_server.client().list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert sorted(item["Key"] for item in uploads) == ["foreign", "vision/resnet/other"]
    assert going(on_s3, grace=0.0) == set()
    on_s3.run("rm", "-rf", ".dvc/cache", "model.bin", "data")
    on_s3.dvc("pull", "-q")
    assert (on_s3.read("model.bin"), on_s3.read("data/sub/b")) == (b"weights", b"b")


@pytest.mark.compatibility("Remotes", "S3, a bucket with versioning, or with versioning suspended")
@pytest.mark.compatibility("Remotes", "S3, a bucket with Object Lock")
@pytest.mark.parametrize("kind", ["versioned", "suspended", "locked"])
def test_a_bucket_that_keeps_versions(
    kind: str, make_repo: MakeRepo, s3_server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is removed has a delete marker; it can be stored again, and what is needed is there."""
    client, bucket = s3_server.client(), s3_server.make_bucket(locked=kind == "locked")
    if kind != "locked":
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    if kind == "suspended":
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    repo = make_repo(install=False, remote=f"s3://{bucket}/vision/resnet", server=s3_server, files=FILES)
    abandon_a_version(repo)
    sweep.sweep(project_of(repo).repo, plan(repo, grace=0.0))
    said = capsys.readouterr().err
    assert ("the bucket keeps versions, so what was removed takes up space until" in said) == (kind != "suspended")
    remote = open_remote(project_of(repo))
    assert remote.missing([md5(b"gone"), md5(b"weights")]) == {md5(b"gone")}
    save(repo, {"model.bin": b"gone"})
    publish(project_of(repo), ["HEAD"], Progress("testing"))
    assert remote.missing([md5(b"gone")]) == set()
    repo.run("rm", "-rf", ".dvc/cache", "model.bin")
    repo.dvc("pull", "-q")
    assert repo.read("model.bin") == b"gone"


def test_a_remote_that_refuses_keeps_no_other(on_s3: ModelRepo, s3_server: Server, bucket: str) -> None:
    """Its unfinished uploads go too."""
    found = plan(on_s3, grace=0.0)
    mine = found.remotes[0]

    class Refusing:
        def remove(self, oids: object) -> None:
            raise CPVError("cannot be removed", where="elsewhere")

        def clean(self, leftovers: object) -> None:
            cleaned.append(leftovers)

    cleaned: list[object] = []
    refusing = mine._replace(url="s3://elsewhere", inventory=Refusing())  # type: ignore[arg-type]
    found.remotes = [refusing, refusing, mine]
    with pytest.raises(CPVError, match="elsewhere: cannot be removed"):
        sweep.sweep(project_of(on_s3).repo, found)
    assert cleaned == [mine.leftovers] * 2
    assert going(on_s3, grace=0.0) == set()


def test_who_may_only_read_and_list_removes_nothing(
    on_s3: ModelRepo, s3_server: Server, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = s3_server.keys(bucket)
    reader = limited(s3_server, allowing(bucket, "vision", "s3:GetObject", "s3:ListBucket"))
    _, secret = remote_settings(f"s3://{bucket}/vision/resnet", s3_server)
    secret = secret.replace(s3_server.access_key, reader.access_key).replace(s3_server.secret_key, reader.secret_key)
    on_s3.write(".dvc/config.local", secret)
    found = plan(on_s3, grace=0.0)
    assert ([item.oid for item in found.remotes[0].objects], found.remotes[0].leftovers) == ([md5(b"gone")], ())
    assert capsys.readouterr().err == (
        f"cpv: warning: {found.remotes[0].url}: unfinished uploads are not seen "
        "(ask for s3:ListBucketMultipartUploads there)\n"
    )
    with pytest.raises(CPVError) as caught:
        sweep.sweep(project_of(on_s3).repo, found)
    key = open_remote(project_of(on_s3)).address(md5(b"gone")).removeprefix(f"s3://{bucket}/")
    assert str(caught.value) == (
        f"{found.remotes[0].url}: {key} cannot be removed (AccessDenied: Access Denied.); "
        "fix: ask for s3:DeleteObject there, then repeat the command"
    )
    assert s3_server.keys(bucket) == before


def test_through_dvc_s_own_file_system(on_s3: ModelRepo, bucket: str) -> None:
    remote = DVCRemote(on_s3.path, "storage", f"s3://{bucket}/vision/resnet")
    inventory = inventory_of(remote)
    assert inventory is not None
    everything = inventory.everything()
    assert {md5(b"gone"), md5(b"weights")} < everything.keys()
    seen = everything[md5(b"gone")]
    assert seen.size == 4
    assert time.time() - DAY < (seen.modified or 0) < time.time() + DAY
    assert inventory.look([md5(b"gone"), "0" * 32]).keys() == {md5(b"gone")}
    inventory.remove([md5(b"gone"), "0" * 32])
    assert inventory.everything().keys() == everything.keys() - {md5(b"gone")}
    assert inventory.leftovers(time.time()) == []


def test_many_objects_are_listed_and_removed(on_s3: ModelRepo) -> None:
    remote = open_remote(project_of(on_s3))
    inventory = inventory_of(remote)
    assert inventory is not None
    found = inventory.everything()
    wanted = [*found, *(f"{number:032x}" for number in range(40))]
    assert inventory.look(wanted) == found
    inventory.remove(wanted)
    assert inventory.everything() == {}
