"""A remote that keeps versions, without hooks: what is sent, found, fetched and refused."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.console.progress import Progress
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.pointers_at import pointers_at
from cpv_hooks.project.project import Project
from cpv_hooks.remote.common.inventory import Seen
from cpv_hooks.remote.common.protocol import Blob, CorruptObject, MissingObject, RemoteError
from cpv_hooks.remote.s3.file_parts import PART
from cpv_hooks.remote.s3.versioned_remote import VersionedRemote
from cpv_hooks.transfer.commits.upload_commits import ensure_uploaded, publish
from cpv_hooks.transfer.commits.versioned_commit import complete_files
from cpv_hooks.transfer.objects.fetch_objects import fetch_pointer
from cpv_hooks.transfer.objects.open import ANOTHER_SIZE, open_remote, seen_on
from cpv_hooks.transfer.objects.store import Store
from support.repos import SETTINGS, ModelRepo
from support.seaweed import Server

PROGRESS = Progress("testing")
FILES = {"model.bin": "model 1\n", "data/a.csv": "a 1\n", "data/sub/b.csv": "b 1\n"}
PREFIX = "vision/resnet"


@pytest.fixture
def bucket(s3_server: Server) -> str:
    return s3_server.make_versioned_bucket()


@pytest.fixture
def make(make_repo: MakeRepo, s3_server: Server) -> Callable[[str], ModelRepo]:
    def made(bucket: str) -> ModelRepo:
        """A repository whose commit has content and no versions, as plain `dvc add` leaves it."""
        repo = make_repo("repo", remote=f"s3://{bucket}/{PREFIX}", server=s3_server, install=False, files=FILES)
        repo.write(".dvc/config", repo.read(".dvc/config").decode() + "    version_aware = true\n")
        return repo

    return made


@pytest.fixture
def repo(make: Callable[[str], ModelRepo], bucket: str) -> ModelRepo:
    return make(bucket)


def project_of(repo: ModelRepo) -> Project:
    return Project.open(Repo.discover(repo.path), repo.path)


def remote_of(repo: ModelRepo) -> VersionedRemote:
    remote = open_remote(project_of(repo))
    assert isinstance(remote, VersionedRemote)
    return remote


def blob(path: Path, content: bytes) -> Blob:
    path.write_bytes(content)
    return Blob(hashlib.md5(content).hexdigest(), path, len(content))


def placed(repo: ModelRepo) -> None:
    """Upload, note the versions, commit."""
    assert complete_files(project_of(repo)) == ["data", "model.bin"]
    repo.git("commit", "-qam", "with versions")


def test_files_lie_under_their_names(repo: ModelRepo, bucket: str, s3_server: Server) -> None:
    placed(repo)
    assert set(s3_server.keys(bucket)) == {f"{PREFIX}/{name}" for name in FILES}
    assert complete_files(project_of(repo)) == []
    assert publish(project_of(repo), ["HEAD"], PROGRESS).present == 3
    address = remote_of(repo).address(repo.md5("model.bin"))
    assert address.startswith(f"s3://{bucket}/{PREFIX}/model.bin?versionId=")
    assert remote_of(repo).address("0" * 32) == f"s3://{bucket}/{PREFIX}/files/md5/00/{'0' * 30}"


def test_all_comes_back_by_version(repo: ModelRepo) -> None:
    placed(repo)
    before = repo.objects()
    shutil.rmtree(repo.path / ".dvc/cache")
    for pointer in pointers_at(project_of(repo), "HEAD"):
        assert fetch_pointer(project_of(repo), pointer, PROGRESS) == set()
    assert repo.objects() == before


def test_a_file_is_looked_for_once(repo: ModelRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """By `verify` and `prune`; a second time only where it is not there with its size."""
    placed(repo)
    asked: list[str] = []
    look = VersionedRemote._size

    def counted(remote: VersionedRemote, oid: str) -> int | None:
        asked.append(oid)
        return look(remote, oid)

    monkeypatch.setattr(VersionedRemote, "_size", counted)
    model, data = repo.md5("model.bin"), hashlib.md5(b"a 1\n").hexdigest()
    assert seen_on(remote_of(repo), {model: 8, data: None}) == {model: Seen(8), data: Seen(None)}
    assert sorted(asked) == sorted([model, data])
    assert seen_on(remote_of(repo), {model: 9, "0" * 32: 4}) == {model: Seen(ANOTHER_SIZE)}
    assert asked.count(model) == 3


def test_an_old_version_is_known_from_the_history_alone(repo: ModelRepo) -> None:
    placed(repo)
    oid = repo.md5("model.bin")
    repo.git("rm", "-q", "model.bin.dvc")
    repo.git("commit", "-qm", "gone")
    assert remote_of(repo).missing([oid], {oid: 8}) == set()
    assert remote_of(repo).missing([oid], {oid: 9}) == {oid}
    remote_of(repo).download(oid, repo.path / "back", PROGRESS)
    assert repo.read("back") == b"model 1\n"


def test_what_has_no_version_lies_by_its_hash(repo: ModelRepo, bucket: str, s3_server: Server) -> None:
    """A commit that was made offline, and one from before the remote kept versions."""
    assert ensure_uploaded(project_of(repo), ["HEAD"], PROGRESS) == []
    assert len(s3_server.keys(bucket, f"{PREFIX}/files/md5/")) == 4
    before = repo.objects()
    shutil.rmtree(repo.path / ".dvc/cache")
    for pointer in pointers_at(project_of(repo), "HEAD"):
        assert fetch_pointer(project_of(repo), pointer, PROGRESS) == set()
    assert repo.objects() == before


def test_other_bytes_under_a_version_are_refused(repo: ModelRepo, bucket: str, s3_server: Server) -> None:
    """A pointer that names a version of something else: nothing of it reaches the cache."""
    placed(repo)
    other = s3_server.client().put_object(Bucket=bucket, Key=f"{PREFIX}/model.bin", Body=b"MODEL 1\n")["VersionId"]
    text = repo.read("model.bin.dvc").decode()
    repo.write("model.bin.dvc", text[: text.index("version_id:")] + f"version_id: {other}\n")
    repo.git("commit", "-qam", "wrong", "--amend")
    repo.git("reflog", "expire", "--expire=now", "--all")
    oid = repo.md5("model.bin")
    with pytest.raises(CorruptObject, match=f"object {oid} is corrupt"):
        Store(project_of(repo)).fetch(oid, PROGRESS)


def test_versions_that_nobody_gave(repo: ModelRepo) -> None:
    placed(repo)
    text = repo.read("model.bin.dvc").decode()
    repo.write("model.bin.dvc", text[: text.index("version_id:")] + "version_id: none such\n")
    repo.git("commit", "-qam", "wrong", "--amend")
    missing = publish(project_of(repo), ["HEAD"], PROGRESS).missing
    assert [item.path for item in missing] == ["model.bin"]
    with pytest.raises(MissingObject, match="is not on the remote"):
        remote_of(repo).download("0" * 32, repo.path / "nothing", PROGRESS)


def test_a_large_file_goes_in_parts_and_not_twice(
    repo: ModelRepo, bucket: str, s3_server: Server, tmp_path: Path
) -> None:
    large = blob(tmp_path / "large", b"large\n" * (PART // 6 + 1))
    medium = blob(tmp_path / "medium", b"medium\n" * 300_000)
    files = {"large.bin": large, "medium.bin": medium}
    first = remote_of(repo).put(files, PROGRESS)
    assert remote_of(repo).sizes([place for place, _ in first.values()]) == {
        place: files[path].size for path, (place, _) in first.items()
    }
    assert first["large.bin"][1].endswith("-2")
    # The pointer was never written (a kill): the same bytes are there already.
    assert remote_of(repo).put(files, PROGRESS) == first
    assert s3_server.versions(bucket) == 2
    changed = {"large.bin": blob(tmp_path / "changed", b"LARGE\n" * (PART // 6 + 1))}
    assert remote_of(repo).put(changed, PROGRESS) != {"large.bin": first["large.bin"]}
    assert s3_server.versions(bucket) == 3


def test_a_cache_that_is_not_what_it_says_is_not_sent(repo: ModelRepo, tmp_path: Path) -> None:
    wrong = Blob("0" * 32, blob(tmp_path / "x", b"x").path, 1)
    with pytest.raises(CorruptObject):
        remote_of(repo).put({"x": wrong}, PROGRESS)
    large = blob(tmp_path / "y", bytes(PART))
    with pytest.raises(CorruptObject):
        remote_of(repo).put({"y": Blob("0" * 32, large.path, large.size)}, PROGRESS)


def test_what_the_cache_lacks_is_named(repo: ModelRepo, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(repo.path / ".dvc/cache")
    assert complete_files(project_of(repo)) == []
    said = capsys.readouterr().err
    for name in ("data", "model.bin"):
        assert f"cpv: warning: {name}: the cache lacks some of it, so it cannot be uploaded" in said


@pytest.mark.compatibility(
    "Remotes",
    "`version_aware` on a bucket without versions",
    unsupported="`dvc cpv init` and the upload say how to turn versioning on",
)
def test_a_bucket_without_versioning(make: Callable[[str], ModelRepo], s3_server: Server) -> None:
    bucket = s3_server.make_bucket()
    repo = make(bucket)
    command = f"aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled"
    for action in (lambda: remote_of(repo).check(), lambda: complete_files(project_of(repo))):
        with pytest.raises(RemoteError) as caught:
            action()
        assert str(caught.value) == (
            f"remote storage: bucket {bucket} keeps no versions of its objects; "
            f"fix: {command} --endpoint-url {s3_server.endpoint_url}"
        )
    assert s3_server.keys(bucket) == {}
    s3_server.client().put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    remote_of(repo).check()


def test_remotes_that_cannot_be_filled_so(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = make_repo("repo", settings=SETTINGS + '[remote]\nlayout = "versioned"\n', install=False)
    with pytest.raises(CPVError) as caught:
        open_remote(project_of(repo))
    assert str(caught.value) == (
        f"{repo.path}/.cpv.toml: [remote] layout is versioned, but remote storage is not version_aware; "
        "fix: dvc remote modify storage version_aware true"
    )
    repo.write(
        ".dvc/config", "[core]\n    remote = g\n['remote \"g\"']\n    url = gs://b/x\n    version_aware = true\n"
    )
    with pytest.raises(CPVError, match="remote g keeps versions, which CPV can only fill on S3; fix: dvc push"):
        open_remote(project_of(repo))
