from __future__ import annotations

import hashlib
import os
import shutil
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cpv_hooks.console.progress import Progress
from cpv_hooks.console.trace import listening
from cpv_hooks.dvcformat.directory_object import dir_object_bytes, dir_oid
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.pointers_at import pointers_at
from cpv_hooks.project.project import Project
from cpv_hooks.remote.common.protocol import Blob, CorruptObject, MissingObject, RemoteError
from cpv_hooks.remote.s3 import s3_listing as s3_listing
from cpv_hooks.remote.s3.file_parts import PART, part_size
from cpv_hooks.remote.s3.s3_remote import S3Remote
from cpv_hooks.transfer.commits.upload_commits import ensure_uploaded, publish
from cpv_hooks.transfer.objects.fetch_objects import fetch
from cpv_hooks.transfer.objects.open import open_remote
from cpv_hooks.transfer.objects.upload_queue import Queue
from support.repos import ModelRepo
from support.seaweed import Server

PROGRESS = Progress("testing")


class Bucket:
    """A bucket, and remotes that look into it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.name = server.make_bucket()
        self.url = f"s3://{self.name}/vision/resnet"
        self.options = {
            "endpointurl": server.endpoint_url,
            "access_key_id": server.access_key,
            "secret_access_key": server.secret_key,
            "region": server.region,
        }

    def remote(self, **options: str) -> S3Remote:
        merged = {key: value for key, value in {**self.options, **options}.items() if value}
        return S3Remote(self.url, merged, name="storage")

    def keys(self) -> dict[str, int]:
        return self.server.keys(self.name)

    def put(self, oid: str, data: bytes) -> None:
        key = f"vision/resnet/files/md5/{oid[:2]}/{oid[2:]}"
        self.server.client().put_object(Bucket=self.name, Key=key, Body=data)

    def unfinished(self) -> list[Any]:
        uploads: list[Any] = self.server.client().list_multipart_uploads(Bucket=self.name).get("Uploads", [])
        return uploads


@pytest.fixture
def bucket(s3_server: Server) -> Bucket:
    return Bucket(s3_server)


def blob(folder: Path, data: bytes, *, isdir: bool = False) -> Blob:
    folder.mkdir(exist_ok=True)
    oid = dir_oid(data) if isdir else hashlib.md5(data).hexdigest()
    path = folder / oid
    path.write_bytes(data)
    return Blob(oid, path, len(data))


def test_objects_go_there_and_come_back(bucket: Bucket, tmp_path: Path) -> None:
    remote = bucket.remote()
    sizes = (0, 3, 2_000_000, PART, 2 * PART + 5)
    blobs = [blob(tmp_path / "in", os.urandom(size)) for size in sizes]
    oids = [item.oid for item in blobs]
    assert remote.missing(oids) == set(oids)
    progress, seen = Progress("uploading"), []
    remote.upload(blobs, progress, seen.append)
    assert sorted(item.size for item in seen) == sorted(sizes)
    assert progress.done == progress.total == sum(sizes)
    assert bucket.keys() == {f"vision/resnet/files/md5/{b.oid[:2]}/{b.oid[2:]}": b.size for b in blobs}
    keys = [f"vision/resnet/files/md5/{oid[:2]}/{oid[2:]}" for oid in oids]
    assert [remote.address(oid) for oid in oids] == [f"s3://{bucket.name}/{key}" for key in keys]
    assert remote.missing(oids, {item.oid: item.size for item in blobs}) == set()
    progress = Progress("downloading")
    for item in blobs:
        remote.download(item.oid, tmp_path / "out" / item.oid, progress)
        assert (tmp_path / "out" / item.oid).read_bytes() == item.path.read_bytes()
    assert progress.done == progress.total == sum(sizes)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(oids)
    assert bucket.unfinished() == []


def test_directory_objects_go_last(bucket: Bucket, tmp_path: Path) -> None:
    files = [blob(tmp_path / "in", bytes([number]) * 2_000_000) for number in range(4)]
    listing = blob(tmp_path / "in", dir_object_bytes([(str(n), item.oid) for n, item in enumerate(files)]), isdir=True)
    seen: list[Blob] = []
    bucket.remote().upload([listing, *files], PROGRESS, seen.append)
    assert seen[-1] == listing


@pytest.mark.parametrize("size", [7, PART + 1])
def test_a_truncated_object_counts_as_missing_and_is_replaced(bucket: Bucket, tmp_path: Path, size: int) -> None:
    item = blob(tmp_path / "in", os.urandom(size))
    bucket.put(item.oid, item.path.read_bytes()[:-3])
    remote = bucket.remote()
    assert remote.missing([item.oid]) == set()
    assert remote.missing([item.oid], {item.oid: size}) == {item.oid}
    remote.upload([item], PROGRESS)
    assert remote.missing([item.oid], {item.oid: size}) == set()


@pytest.mark.parametrize("size", [7, PART + 1])
def test_a_corrupt_cache_object_is_not_uploaded(bucket: Bucket, tmp_path: Path, size: int) -> None:
    item = blob(tmp_path / "in", os.urandom(size))
    item.path.write_bytes(os.urandom(size))
    with pytest.raises(CorruptObject) as caught:
        bucket.remote().upload([item], PROGRESS)
    assert str(caught.value).startswith(f"{item.path}: object {item.oid} is corrupt")
    assert bucket.keys() == {}
    assert bucket.unfinished() == []


@pytest.mark.parametrize("damage", [lambda data: data[:-3], lambda data: b"x" + data[1:]])
def test_a_corrupt_object_is_not_installed(bucket: Bucket, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    data = os.urandom(100_000)
    oid = hashlib.md5(data).hexdigest()
    bucket.put(oid, damage(data))
    with pytest.raises(CorruptObject, match=f"object {oid} is corrupt: its content does not have that hash"):
        bucket.remote().download(oid, tmp_path / "out" / "x", PROGRESS)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_object_that_is_not_there(bucket: Bucket, tmp_path: Path) -> None:
    with pytest.raises(MissingObject, match=f"object {'0' * 32} is not on the remote"):
        bucket.remote().download("0" * 32, tmp_path / "x", PROGRESS)


@pytest.mark.parametrize("page", [1000, 7])
def test_many_objects_are_looked_for_by_listing(
    bucket: Bucket, tmp_path: Path, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = [blob(tmp_path / "in", f"{number}".encode()) for number in range(120)]
    remote = bucket.remote()
    remote.upload(blobs[:100], PROGRESS)
    monkeypatch.setattr(s3_listing, "PAGE", page)
    sizes = {item.oid: item.size for item in blobs}
    assert remote.missing(list(sizes), sizes) == {item.oid for item in blobs[100:]}
    bucket.put(blobs[0].oid, b"longer than before")
    assert remote.missing(list(sizes), sizes) == {item.oid for item in [blobs[0], *blobs[100:]]}


def test_parts_stay_within_what_s3_takes() -> None:
    assert part_size(1) == PART
    assert part_size(160 << 30) == 17 << 20
    for size in (1, 10 << 30, 160 << 30, 5 << 40):
        assert -(-size // part_size(size)) <= 10_000
        assert part_size(size) % (1 << 20) == 0


def test_a_connection_that_breaks_is_taken_up_again(bucket: Bucket, tmp_path: Path) -> None:
    item = blob(tmp_path / "in", os.urandom(8_000_000))
    bucket.remote().upload([item], PROGRESS)
    with BreakingProxy(bucket.server.endpoint_url, breaks=2, after=3_000_000) as proxy:
        remote = bucket.remote(endpointurl=proxy.url)
        remote.download(item.oid, tmp_path / "out", PROGRESS)
        assert proxy.breaks == 0
    assert (tmp_path / "out").read_bytes() == item.path.read_bytes()


class BreakingProxy:
    """Passes bytes on, but closes a connection after so many bytes of the answer, so many times."""

    def __init__(self, target: str, *, breaks: int, after: int) -> None:
        host, port = target.removeprefix("http://").split(":")
        self._target = (host, int(port))
        self.breaks = breaks
        self._after = after
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://localhost:{self._listener.getsockname()[1]}"

    def __enter__(self) -> BreakingProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, answer: bool) -> None:
        passed = 0
        try:
            while data := source.recv(65536):
                target.sendall(data)
                passed += len(data)
                if answer and passed > self._after and self.breaks:
                    self.breaks -= 1
                    break
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


# Errors


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def error_of(remote: S3Remote, tmp_path: Path) -> str:
    """The one line, which must be the same for each thing that is tried."""
    lines = set()
    item = blob(tmp_path / "in", b"data")
    attempts: list[Callable[[], object]] = [
        lambda: remote.check(),
        lambda: remote.missing([item.oid]),
        lambda: remote.upload([item], PROGRESS),
        lambda: remote.download(item.oid, tmp_path / "out", PROGRESS),
    ]
    for attempt in attempts:
        with pytest.raises(RemoteError) as caught:
            attempt()
        lines.add(str(caught.value))
    (line,) = lines
    assert "\n" not in line
    return line


def test_a_good_remote_is_fine(bucket: Bucket) -> None:
    bucket.remote().check()


def test_the_wrong_secret(bucket: Bucket, tmp_path: Path) -> None:
    assert error_of(bucket.remote(secret_access_key="wrong-secret"), tmp_path) == (
        f"{bucket.url}: the secret access key is wrong (the signature does not match); fix: "
        "dvc remote modify --local storage secret_access_key KEY"
    )


def test_an_unknown_key(bucket: Bucket, tmp_path: Path) -> None:
    assert error_of(bucket.remote(access_key_id="nobody"), tmp_path) == (
        f"{bucket.url}: the server does not know this access key; fix: "
        "dvc remote modify --local storage access_key_id ID"
    )


def test_no_credentials(bucket: Bucket, tmp_path: Path) -> None:
    assert error_of(bucket.remote(access_key_id="", secret_access_key=""), tmp_path) == (
        f"{bucket.url}: no AWS credentials: Unable to locate credentials; fix: "
        "aws configure, or dvc remote modify --local storage access_key_id ID (and secret_access_key)"
    )


def test_half_of_the_credentials(bucket: Bucket, tmp_path: Path) -> None:
    assert error_of(bucket.remote(secret_access_key=""), tmp_path) == (
        "remote storage: secret_access_key is not set; fix: dvc remote modify --local storage secret_access_key VALUE"
    )


def test_a_profile_that_is_not_there(bucket: Bucket, tmp_path: Path) -> None:
    assert error_of(bucket.remote(profile="nope", access_key_id="", secret_access_key=""), tmp_path) == (
        f"{bucket.url}: there is no AWS profile 'nope'; fix: aws configure --profile nope, "
        "or dvc remote modify --local storage access_key_id ID (and secret_access_key)"
    )


def test_no_such_bucket(bucket: Bucket, tmp_path: Path) -> None:
    remote = S3Remote("s3://no-such-bucket-here/x", bucket.options, name="storage")
    assert error_of(remote, tmp_path) == (
        "s3://no-such-bucket-here/x: there is no bucket 'no-such-bucket-here'; fix: "
        "aws s3 mb s3://no-such-bucket-here, or dvc remote modify storage url s3://BUCKET/PATH"
    )


def test_access_denied(bucket: Bucket, tmp_path: Path) -> None:
    remote = bucket.remote(allow_anonymous_login="true", access_key_id="", secret_access_key="")
    with pytest.raises(RemoteError) as caught:
        remote.check()
    assert str(caught.value) == (
        f"{bucket.url}: access denied (s3:ListBucket); fix: "
        f"ask the bucket's owner for s3:ListBucket on {bucket.name}/vision/resnet"
    )
    with pytest.raises(RemoteError, match=r"access denied \(s3:PutObject\)"):
        remote.upload([blob(tmp_path / "in", b"data")], PROGRESS)
    with pytest.raises(RemoteError, match=r"access denied \(s3:GetObject\)"):
        remote.missing(["0" * 32])


def test_nobody_listens(bucket: Bucket, tmp_path: Path) -> None:
    endpoint = f"http://localhost:{free_port()}"
    assert error_of(bucket.remote(endpointurl=endpoint), tmp_path) == (
        f"remote storage: {endpoint} does not answer; fix: check the network and endpointurl, then dvc cpv sync"
    )


def test_a_name_that_nobody_knows(bucket: Bucket, tmp_path: Path) -> None:
    line = error_of(bucket.remote(endpointurl="http://no-such-host.invalid"), tmp_path)
    assert line.startswith("remote storage: http://no-such-host.invalid does not answer; fix: ")


def test_no_tls_there(bucket: Bucket) -> None:
    with pytest.raises(RemoteError) as caught:
        bucket.remote(endpointurl=bucket.server.endpoint_url.replace("http:", "https:")).check()
    assert str(caught.value).startswith(f"{bucket.url}: no trusted connection: ")
    assert str(caught.value).endswith("fix: dvc remote modify storage ssl_verify CA_FILE")


def test_an_endpoint_that_is_no_url(bucket: Bucket, tmp_path: Path) -> None:
    assert error_of(bucket.remote(endpointurl="somewhere"), tmp_path) == (
        f"{bucket.url}: Invalid endpoint: somewhere; fix: dvc remote modify storage endpointurl https://HOST"
    )


def test_a_bucket_name_that_cannot_be(bucket: Bucket, tmp_path: Path) -> None:
    remote = S3Remote("s3://a bucket/x", bucket.options, name="storage")
    assert error_of(remote, tmp_path) == (
        "s3://a bucket/x: 'a bucket' is not a bucket's name; fix: dvc remote modify storage url s3://BUCKET/PATH"
    )


def test_a_url_without_a_bucket(bucket: Bucket) -> None:
    with pytest.raises(CPVError, match=r"remote storage: s3:// names no bucket; fix: dvc remote modify storage"):
        S3Remote("s3://", bucket.options, name="storage")


def test_a_customer_key_that_is_no_key(bucket: Bucket) -> None:
    with pytest.raises(CPVError, match="sse_customer_key is not base64"):
        bucket.remote(sse_customer_key="no base64!").missing(["0" * 32])


# Credentials, as boto3 finds them


@pytest.mark.compatibility("Remotes", "AWS profiles, `credential_process`, SSO")
def test_credentials_from_a_file_and_a_profile(bucket: Bucket, tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    keys = f"aws_access_key_id = {bucket.server.access_key}\naws_secret_access_key = {bucket.server.secret_key}\n"
    path.write_text(f"[team]\n{keys}")
    remote = bucket.remote(access_key_id="", secret_access_key="", credentialpath=str(path), profile="team")
    remote.check()
    assert "AWS_SHARED_CREDENTIALS_FILE" not in os.environ


def test_credentials_from_the_environment(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in bucket.server.environment().items():
        monkeypatch.setenv(key, value)
    S3Remote(bucket.url, {}, name="storage").check()


def test_requests_are_told_to_who_listens(bucket: Bucket, tmp_path: Path) -> None:
    item, heard = blob(tmp_path / "in", b"data"), list[tuple[str, str]]()
    with listening(lambda level, text: heard.append((level, text))):
        bucket.remote().upload([item], PROGRESS)
    url = f"{bucket.server.endpoint_url}/{bucket.name}/vision/resnet/files/md5/{item.oid[:2]}/{item.oid[2:]}"
    assert ("debug", f"PUT {url}") in heard
    assert bucket.server.secret_key not in str(heard)


# With a repository


@pytest.fixture
def repo(make_repo: Any, bucket: Bucket) -> ModelRepo:
    files = {"model.bin": os.urandom(PART + 100), "data/a": "a", "data/sub/b": "b", "metrics.log": "loss=1\n"}
    made: ModelRepo = make_repo(install=False, remote=bucket.url, server=bucket.server, files=files)
    return made


def project_of(repo: ModelRepo) -> Project:
    return Project.open(Repo.discover(repo.path), repo.path)


def test_a_commit_goes_to_s3_and_dvc_brings_it_back(repo: ModelRepo, bucket: Bucket, tmp_path: Path) -> None:
    assert publish(project_of(repo), ["HEAD"], PROGRESS).uploaded == 5
    assert "in sync" in repo.dvc("status", "-c").text
    assert ensure_uploaded(project_of(repo), ["HEAD"]) == []
    repo.git("clone", "-q", ".", tmp_path / "clone")
    clone = ModelRepo(tmp_path / "clone")
    clone.write(".dvc/config.local", repo.read(".dvc/config.local"))
    clone.dvc("config", "--local", "remote.storage.verify", "true")
    clone.dvc("pull", "-q")
    assert clone.tree() == repo.tree()


@pytest.mark.compatibility("Remotes", "S3 (SeaweedFS)")
def test_what_dvc_pushed_is_fetched(repo: ModelRepo) -> None:
    repo.dvc("push", "-q")
    before = repo.objects()
    shutil.rmtree(repo.path / ".dvc/cache")
    oids = [item.oid for item in pointers_at(project_of(repo), "HEAD") if item.oid]
    assert fetch(project_of(repo), oids, PROGRESS) == set()
    assert repo.objects() == before


def test_the_record_names_no_secret(repo: ModelRepo, bucket: Bucket) -> None:
    project = project_of(repo)
    publish(project, ["HEAD"], PROGRESS)
    remote = open_remote(project)
    assert remote.url == f"{bucket.url}/files/md5 at {bucket.server.endpoint_url}"
    assert Queue.of(project.repo).verified(remote.url, repo.objects()) == repo.objects()
    for path in [Queue.of(project.repo).path, *project.repo.state.rglob("*")]:
        assert path.is_dir() or bucket.server.secret_key.encode() not in path.read_bytes()
