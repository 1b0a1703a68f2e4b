"""An output that names a remote of its own, as `remote:` in a pointer or in `dvc.yaml` does for DVC."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.transfer.commits.early_upload import LARGE
from support.http_store import Files
from support.repos import ModelRepo, object_names
from support.seaweed import Server
from support.shell import Shell

FILES = {"model.bin": b"weights", "data/a": b"a", "data/sub/b": b"b", "metrics.log": b"loss=1\n"}
SETTINGS = """[cpv]
team = "vision"
model = "resnet"
[artifacts]
model = ["model.bin"]
data = ["data"]
metrics = ["metrics.log"]
"""
PIPELINE = """stages:
  train:
    cmd: echo secret > secret.bin && echo open > open.bin && echo kept > kept.bin
    outs:
    - secret.bin:
        remote: private
    - open.bin
    - kept.bin:
        push: false
"""


def objects(repo: Shell, name: str) -> set[str]:
    """What lies on a remote beside the repository."""
    return object_names(repo.path.parent / name / "files/md5")


def name_remote(repo: Shell, *pointers: str, remote: str = "private") -> None:
    for pointer in pointers:
        repo.write(pointer, repo.read(pointer) + f"  remote: {remote}\n".encode())


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    """`model.bin` and `data` belong on `private`; all else on the default remote; the Git host is a bare repository."""
    repo = make_repo(settings=SETTINGS)
    repo.dvc("remote", "add", "-q", "private", repo.path.parent / "private")
    for name, content in FILES.items():
        repo.write(name, content)
    repo.dvc("add", "-q", "model.bin", "data", "metrics.log")
    name_remote(repo, "model.bin.dvc", "data.dvc")
    repo.git("init", "-q", "--bare", repo.path.parent / "host")
    repo.git("remote", "add", "origin", repo.path.parent / "host")
    repo.git("add", "-A")
    repo.git("commit", "-qm", "second")
    return repo


def private_oids(repo: Shell) -> set[str]:
    """All that `model.bin` and `data` are made of."""
    return {repo.md5("model.bin"), repo.md5("data/a"), repo.md5("data/sub/b"), _oid(repo, "data.dvc")}


def _oid(repo: Shell, pointer: str) -> str:
    return repo.read(pointer).decode().split("md5: ")[1].split("\n")[0]


def clone_without_cpv(repo: Shell) -> Shell:
    """A clone in whose cache nothing is, and that has no hooks."""
    clone = Shell(repo.path.parent / "clone")
    repo.git("clone", "-q", repo.path.parent / "host", clone.path)
    return clone


def forget_cache(repo: Shell, *names: str) -> None:
    """A work tree and a cache that lack the content."""
    shutil.rmtree(repo.path / ".dvc/cache/files")
    for name in names:
        path = repo.path / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def age(folder: Path) -> None:
    """Make every object in a cache or on a remote below a folder an old one."""
    for path in folder.rglob("files/md5/??/*"):
        os.utime(path, (0, 0))


@pytest.mark.compatibility("DVC", "`remote:` of an output")
def test_a_commit_uploads_each_output_to_its_own_remote(repo: ModelRepo) -> None:
    assert objects(repo, "private") == private_oids(repo)
    assert objects(repo, "storage") == {repo.md5("metrics.log")}
    repo.write("model.bin", b"heavier")
    repo.write("data/a", b"A")
    repo.git("commit", "-qm", "third")
    assert private_oids(repo) <= objects(repo, "private")
    assert objects(repo, "storage") == {repo.md5("metrics.log")}
    assert repo.read("model.bin.dvc").endswith(b"  remote: private\n")
    assert repo.tags() == ["data-v0.0", "data-v0.1", "v0.0", "v0.1"]


@pytest.mark.compatibility("DVC", "`remote:` of an output")
def test_a_clone_without_cpv_pulls(repo: ModelRepo) -> None:
    repo.write("model.bin", b"heavier")
    repo.git("commit", "-qm", "third")
    repo.git("push", "-q", "origin", "main")
    clone = clone_without_cpv(repo)
    clone.dvc("pull", "-q")
    assert clone.tree() == repo.tree()


@pytest.mark.compatibility("DVC", "`remote:` that can only be read (a mirror)")
def test_a_mirror_that_can_only_be_read(repo: ModelRepo) -> None:
    """What it has is taken from there and never sent; what it lacks and does not take stops a push, and no commit."""
    with Files.serving() as mirror:
        mirror.read_only = True
        repo.write("base.bin", b"shared")
        mirror.put(repo.md5("base.bin"), b"shared")
        repo.dvc("remote", "add", "-q", "mirror", mirror.url)
        repo.dvc("add", "-q", "base.bin")
        name_remote(repo, "base.bin.dvc", remote="mirror")
        repo.git("add", "-A")
        assert repo.git("commit", "-qm", "third").text == "cpv: tagged v0.1\n"
        assert repo.git("push", "-q", "origin", "main").text == ""
        forget_cache(repo, "base.bin")
        repo.git("checkout", "-q", "-f", "main")
        assert repo.read("base.bin") == b"shared"
        repo.write("base.bin", b"changed")
        said = repo.git("commit", "-qm", "fourth").text
        assert "cpv: warning: the data of " in said
        assert "message='Forbidden'" in said
        refused = repo.git("push", "-q", "origin", "main", status=1).text
        assert f"cpv: {mirror.url}: ClientResponseError: 403" in refused
        assert mirror.oids() == {hashlib.md5(b"shared").hexdigest()}


def test_push_uploads_what_the_commit_did_not(repo: ModelRepo) -> None:
    repo.write(".cpv.toml", SETTINGS + '[push]\nwhen = "push"\n')
    repo.write("model.bin", b"heavier")
    repo.git("commit", "-qam", "third")
    assert repo.md5("model.bin") not in objects(repo, "private")
    repo.git("push", "-q", "origin", "main")
    assert private_oids(repo) <= objects(repo, "private")
    assert objects(repo, "storage") == {repo.md5("metrics.log")}


def test_push_stops_where_the_own_remote_lacks_an_object(repo: ModelRepo) -> None:
    repo.write(".cpv.toml", SETTINGS + '[push]\nwhen = "never"\n')
    repo.write("model.bin", b"heavier")
    repo.git("commit", "-qam", "third")
    # The default remote has the object: it is of no use there.
    oid = repo.md5("model.bin")
    place = repo.path.parent / "storage/files/md5" / oid[:2] / oid[2:]
    place.parent.mkdir(parents=True)
    place.write_bytes(b"heavier")
    refused = repo.git("push", "-q", "origin", "main", status=1)
    assert f"model.bin: object {oid} is not on the DVC remote {repo.path.parent / 'private'}" in refused.err


def test_a_remote_that_is_away_keeps_its_outputs_queued(repo: ModelRepo) -> None:
    away = repo.path.parent / "private"
    shutil.move(away, away.with_name("moved"))
    away.write_text("no folder")
    repo.write("model.bin", b"heavier")
    repo.write("metrics.log", b"loss=2\n")
    done = repo.git("commit", "-qm", "third")
    assert "is not uploaded" in done.err
    assert str(away) in done.err
    assert repo.md5("metrics.log") in objects(repo, "storage"), "the other remote is not kept waiting"
    assert f"waiting: {repo.head()[:10]}" in repo.cpv("sync", "--status", status=1).text
    away.unlink()
    shutil.move(away.with_name("moved"), away)
    repo.cpv("sync")
    assert private_oids(repo) <= objects(repo, "private")
    assert not (repo.path / ".git/cpv/queued").exists()


@pytest.mark.parametrize("names", [("model.bin",), ("data",), ("model.bin", "data")])
def test_a_checkout_fetches_from_it(repo: ModelRepo, names: tuple[str, ...]) -> None:
    forget_cache(repo, *names)
    repo.cpv("sync")
    assert {name: repo.read(name) for name in FILES} == FILES
    repo.write("model.bin", b"heavier")
    repo.write("data/a", b"A")
    repo.git("commit", "-qm", "third")
    shutil.rmtree(repo.path / ".dvc/cache/files")
    repo.git("checkout", "-q", "HEAD~")
    assert {name: repo.read(name) for name in FILES} == FILES


@pytest.mark.compatibility("DVC", "outputs of stages, `persist`")
def test_stages_outputs(repo: ModelRepo) -> None:
    repo.write("dvc.yaml", PIPELINE)
    repo.dvc("repro", "-q")
    repo.git("add", "-A")
    repo.git("commit", "-qm", "trained")
    assert repo.md5("secret.bin") in objects(repo, "private")
    assert objects(repo, "storage") == {repo.md5("metrics.log"), repo.md5("open.bin")}
    repo.git("push", "-q", "origin", "main")
    clone = clone_without_cpv(repo)
    clone.dvc("pull", "-q", "secret.bin", "open.bin")
    assert clone.read("secret.bin") == b"secret\n"
    assert repo.cpv("verify").status == 0


def test_a_stage_whose_output_gets_another_remote(repo: ModelRepo) -> None:
    repo.write("dvc.yaml", PIPELINE.replace("remote: private", "persist: true"))
    repo.dvc("repro", "-q")
    repo.git("add", "-A")
    repo.git("commit", "-qm", "trained")
    assert repo.md5("secret.bin") in objects(repo, "storage")
    repo.write("dvc.yaml", PIPELINE)
    repo.git("commit", "-qam", "its own remote")
    repo.git("push", "-q", "origin", "main")
    assert repo.md5("secret.bin") in objects(repo, "private")


def test_a_remote_that_is_not_configured(repo: ModelRepo) -> None:
    name_remote(repo, "metrics.log.dvc", remote="nowhere")
    repo.write("metrics.log", b"loss=2\n")
    repo.write("model.bin", b"heavier")
    done = repo.git("commit", "-qam", "third")
    assert "metrics.log.dvc: names remote 'nowhere', which is not configured" in done.err
    assert "dvc remote add nowhere URL" in done.err
    assert repo.md5("model.bin") in objects(repo, "private")
    refused = repo.git("push", "-q", "origin", "main", status=1)
    assert "names remote 'nowhere', which is not configured" in refused.err
    assert "Traceback" not in done.err + refused.err
    repo.dvc("remote", "add", "-q", "nowhere", repo.path.parent / "nowhere")
    repo.git("commit", "-qam", "the remote")
    repo.git("push", "-q", "origin", "main")
    assert objects(repo, "nowhere") == {repo.md5("metrics.log")}


def test_no_default_remote(make_repo: MakeRepo) -> None:
    repo = make_repo(remote=None, settings=SETTINGS, files=FILES)
    repo.dvc("remote", "add", "-q", "private", repo.path.parent / "private")
    name_remote(repo, "model.bin.dvc", "data.dvc", "metrics.log.dvc")
    repo.write("model.bin", b"heavier")
    done = repo.git("commit", "-qam", "second")
    assert done.err.count("\n") <= 1, done.err
    assert objects(repo, "private") == {*private_oids(repo), repo.md5("metrics.log")}
    shutil.rmtree(repo.path / ".dvc/cache/files")
    (repo.path / "model.bin").unlink()
    repo.cpv("sync")
    assert repo.read("model.bin") == b"heavier"


def test_status_names_every_remote_in_use(repo: ModelRepo) -> None:
    shown = repo.cpv("status").out
    assert str(repo.path.parent / "storage") in shown
    assert f"private ({repo.path.parent / 'private'})" in shown or str(repo.path.parent / "private") in shown


def test_a_content_that_two_outputs_share_is_on_both_remotes(repo: ModelRepo) -> None:
    repo.write("copy.bin", FILES["model.bin"])
    repo.write("copies/a", FILES["data/a"])
    repo.track("copy.bin", "copies")
    repo.git("commit", "-qm", "third")
    assert {repo.md5("copy.bin"), repo.md5("copies/a")} <= objects(repo, "storage")
    assert {repo.md5("copy.bin"), repo.md5("copies/a")} <= objects(repo, "private")


@pytest.mark.parametrize("side", ["cache", "remote"])
def test_verify_looks_there_and_repairs_it(repo: ModelRepo, side: str) -> None:
    assert repo.cpv("verify").status == 0
    oid = repo.md5("model.bin")
    folder = repo.path / ".dvc/cache" if side == "cache" else repo.path.parent / "private"
    place = folder / "files/md5" / oid[:2] / oid[2:]
    place.chmod(0o644)
    place.write_bytes(b"WEIGHTS")
    wrong = repo.cpv("verify", "--deep", status=1)
    assert "model.bin" in wrong.text
    repo.cpv("verify", "--deep", "--repair")
    assert place.read_bytes() == FILES["model.bin"]
    assert objects(repo, "storage") == {repo.md5("metrics.log")}
    assert repo.cpv("verify", "--deep").status == 0


def test_prune_keeps_what_is_needed_on_it_and_removes_the_rest(repo: ModelRepo) -> None:
    stray = repo.path.parent / "private/files/md5/ab"
    stray.mkdir()
    (stray / ("c" * 30)).write_bytes(b"stray")
    age(repo.path.parent)
    repo.cpv("prune", "--remote", "--force", "--yes")
    assert objects(repo, "private") == private_oids(repo)
    assert objects(repo, "storage") == {repo.md5("metrics.log")}


def test_a_thinned_cache_keeps_what_its_own_remote_lacks(repo: ModelRepo) -> None:
    first = repo.md5("model.bin")
    for content in (b"heavier", b"heaviest"):
        repo.write("model.bin", content)
        repo.write("data/a", content)
        repo.git("commit", "-qm", "more")
    lost = Path(repo.path.parent, "private/files/md5", first[:2], first[2:])
    shutil.copytree(repo.path.parent / "private", repo.path.parent / "storage", dirs_exist_ok=True)
    lost.unlink()
    age(repo.path.parent)
    repo.cpv("prune", "--keep", "1", "--yes")
    assert first in repo.objects(), "the default remote has it, where nobody looks for it"
    shutil.copy(Path(repo.path.parent, "storage/files/md5", first[:2], first[2:]), lost)
    repo.cpv("prune", "--keep", "1", "--yes")
    assert first not in repo.objects()
    repo.git("checkout", "-q", "v0.0")
    assert repo.read("model.bin") == FILES["model.bin"]


def test_a_download_comes_from_it(repo: ModelRepo) -> None:
    shutil.rmtree(repo.path / ".dvc/cache/files")
    repo.cpv("model", "download", "-o", repo.path.parent / "new")
    assert (repo.path.parent / "new/model.bin").read_bytes() == FILES["model.bin"]
    assert str(repo.path.parent / "private") in repo.cpv("validate", status=None).text


def test_what_is_cached_needs_no_remote(repo: ModelRepo) -> None:
    """A version is at hand although the remote that it names is not configured any more."""
    repo.dvc("remote", "remove", "private")
    repo.cpv("model", "download", "-o", repo.path.parent / "new")
    assert (repo.path.parent / "new/model.bin").read_bytes() == FILES["model.bin"]
    assert "names remote 'private', which is not configured" in repo.cpv("verify", status=1).text


def test_a_new_version_of_it_by_command(repo: ModelRepo) -> None:
    source = repo.path.parent / "trained"
    source.write_bytes(b"heavier")
    planned = repo.cpv("model", "upload", source, "--dry-run").text
    oid = hashlib.md5(b"heavier").hexdigest()
    assert f"put {repo.path.parent / 'private'}/files/md5/{oid[:2]}/{oid[2:]}" in planned
    repo.cpv("model", "upload", source)
    assert private_oids(repo) <= objects(repo, "private")
    assert objects(repo, "storage") == {repo.md5("metrics.log")}


def test_a_large_one_goes_there_early(repo: ModelRepo) -> None:
    content = os.urandom(1 << 20) * (LARGE >> 20)
    repo.write("model.bin", content)
    oid = hashlib.md5(content).hexdigest()
    place = repo.path.parent / "private/files/md5" / oid[:2] / oid[2:]
    wait = f'for _ in $(seq 600); do [ -f "{place}" ] && echo early >"$1" && exit 0; sleep 0.1; done; exit 1'
    editor = repo.write(".git/editor.sh", f"#!/bin/sh\n{wait}\n")
    editor.chmod(0o755)
    repo.git("commit", env={"GIT_EDITOR": str(editor)})
    assert oid in objects(repo, "private")
    assert objects(repo, "storage") == {repo.md5("metrics.log")}


def test_one_that_keeps_versions(repo: ModelRepo, s3_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default remote holds objects by content, and one output belongs on a bucket that keeps versions."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    bucket = s3_server.make_versioned_bucket()
    repo.dvc("remote", "add", "-q", "readable", f"s3://{bucket}/vision/resnet")
    repo.dvc("remote", "modify", "readable", "endpointurl", s3_server.endpoint_url)
    repo.dvc("remote", "modify", "readable", "version_aware", "true")
    repo.write("model.bin.dvc", repo.read("model.bin.dvc").replace(b"remote: private", b"remote: readable"))
    repo.write("model.bin", b"heavier")
    repo.git("commit", "-qam", "third")
    assert set(s3_server.keys(bucket)) == {"vision/resnet/model.bin"}
    assert b"version_id: " in repo.read("model.bin.dvc")
    repo.git("push", "-q", "origin", "main")
    clone = clone_without_cpv(repo)
    clone.dvc("pull", "-q")
    assert clone.tree() == repo.tree()
    shutil.rmtree(repo.path / ".dvc/cache/files")
    (repo.path / "model.bin").unlink()
    repo.cpv("sync")
    assert repo.read("model.bin") == b"heavier"
    assert repo.cpv("verify").status == 0
