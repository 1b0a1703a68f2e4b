"""Models on a remote, read by ranges: how much travels, and what a remote refuses."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cpv_hooks.errors import CPVError
from cpv_hooks.model_formats.single_file import read_file
from cpv_hooks.remote.common.dvc_remote import DVCRemote
from cpv_hooks.remote.common.local_remote import LocalRemote
from cpv_hooks.remote.common.protocol import MissingObject, RemoteError
from cpv_hooks.remote.s3.s3_remote import S3Remote
from support.faulty import proxied
from support.http_store import Files
from support.odd_s3 import Answer, Request, error, odd_s3
from support.repos import SETTINGS, ModelRepo
from support.saved_models import content
from support.seaweed import Server

LARGE = 64 << 20
ABSENT = "0" * 32
SHARD = 'model = ["weights.safetensors"]'


def large_model(tensors: int = 200) -> bytes:
    """A safetensors file of 64 MiB."""
    each = LARGE // tensors // 4
    header = {
        f"model.layers.{number}.weight": {
            "dtype": "F32",
            "shape": [each],
            "data_offsets": [number * each * 4, (number + 1) * each * 4],
        }
        for number in range(tensors)
    }
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(tensors * each * 4)


@pytest.fixture(params=["s3", "versioned"])
def published(request: pytest.FixtureRequest, make_repo: Any, s3_server: Server, tmp_path: Path) -> ModelRepo:
    """A clone's view of a large model: on S3, and not in the cache."""
    versioned = request.param == "versioned"
    bucket = s3_server.make_versioned_bucket() if versioned else s3_server.make_bucket()
    settings = SETTINGS + "\n[artifacts]\n" + SHARD + "\n"
    if versioned:
        settings += '[remote]\nlayout = "versioned"\n'
    repo: ModelRepo = make_repo(remote=f"s3://{bucket}/models", server=s3_server, settings=settings)
    if versioned:
        repo.write(".dvc/config", repo.read(".dvc/config").decode() + "    version_aware = true\n")
    repo.write("weights.safetensors", large_model())
    repo.track("weights.safetensors")
    repo.commit("large")
    repo.cpv("sync", "--wait")
    shutil.rmtree(repo.path / ".dvc/cache")
    return repo


def test_of_a_large_model_only_the_header_travels(published: ModelRepo, s3_server: Server) -> None:
    with proxied(s3_server.endpoint_url, seed=0, rate=0) as counter:
        config = published.read(".dvc/config").decode()
        published.write(".dvc/config", config.replace(s3_server.endpoint_url, counter.endpoint_url))
        (found,) = json.loads(published.cpv("model", "info", "--json").out)["models"]
    assert (found["format"], len(found["tensors"]), found["errors"]) == ("safetensors", 200, [])
    assert found["parameters"] == 200 * (LARGE // 200 // 4)
    assert 0 < counter.received < 512 << 10
    assert not (published.path / ".dvc/cache/files").exists(), "nothing was fetched"


class Sparse(bytes):
    """A head, and zeros up to a length that no test could write."""

    length = 0

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, span: Any) -> bytes:
        start, stop, _ = span.indices(self.length)
        return bytes(self)[start:stop].ljust(stop - start, b"\0")

    def __bytes__(self) -> bytes:
        return b"".join((self,))


@pytest.mark.parametrize("own", [True, False], ids=["own", "boto3"])
def test_of_ten_gigabytes_less_than_one_megabyte_travels(own: bool) -> None:
    tensors, each = 400, 25 << 20
    header = {
        f"model.layers.{at}.weight": {
            "dtype": "BF16",
            "shape": [each // 2],
            "data_offsets": [at * each, (at + 1) * each],
        }
        for at in range(tensors)
    }
    text = json.dumps(header).encode()
    model, oid = Sparse(struct.pack("<Q", len(text)) + text), md5(b"ten gigabytes")
    model.length = 8 + len(text) + tensors * each
    assert len(model) > 10e9
    with odd_s3() as s3, proxied(s3.url, seed=0, rate=0) as counter:
        s3.store(f"models/files/md5/{oid[:2]}/{oid[2:]}", model)
        options = {"endpointurl": counter.endpoint_url, "access_key_id": "a", "secret_access_key": "b"}
        remote = S3Remote("s3://bucket/models", {**options, "region": "us-east-1"}, name="storage", own_client=own)
        found = read_file("weights.safetensors", remote.open_ranges(oid))
    assert found is not None
    assert (found.parameters, found.errors) == (tensors * each // 2, ())
    assert 0 < counter.received < 1_000_000


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def test_ranges_of_a_directory(tmp_path: Path) -> None:
    oid = md5(b"content")
    remote = LocalRemote(tmp_path)
    remote.path(oid).parent.mkdir(parents=True)
    remote.path(oid).write_bytes(b"content")
    source = remote.open_ranges(oid)
    assert (source.size, source.read(3, 4)) == (7, b"tent")
    with pytest.raises(MissingObject, match="is not on the remote"):
        remote.open_ranges(ABSENT)


@pytest.fixture
def files() -> Iterator[Files]:
    with Files.serving() as server:
        yield server


def test_ranges_by_way_of_dvcs_file_systems(make_repo: Any, files: Files) -> None:
    repo: ModelRepo = make_repo(
        install=False, remote=files.url, files={"model.safetensors": content("one.safetensors")}
    )
    repo.dvc("push", "-q")
    remote = DVCRemote(repo.path, "storage", files.url)
    source = remote.open_ranges(md5(content("one.safetensors")))
    assert source.size == len(content("one.safetensors"))
    with pytest.raises(RemoteError, match="support range requests") as caught:
        source.read(8, 4)
    assert len(str(caught.value).splitlines()) == 1
    files.ranges = True
    assert remote.open_ranges(md5(content("one.safetensors"))).read(8, 4) == content("one.safetensors")[8:12]
    with pytest.raises(MissingObject, match="is not on the remote"):
        remote.open_ranges(ABSENT)


def test_a_remote_that_refuses_is_one_line_and_the_rest_goes_on(make_repo: Any, files: Files) -> None:
    # What an archive has is said at its end; without ranges only a beginning can be had.
    saved = {"model.pt": content("torch.pt")[:4] + bytes(1 << 20) + content("torch.pt")}
    settings = SETTINGS + '\n[artifacts]\nmodel = ["model.pt"]\n'
    repo: ModelRepo = make_repo(install=False, remote=files.url, files=saved, settings=settings)
    repo.git("tag", "v0.0")
    repo.dvc("push", "-q")
    shutil.rmtree(repo.path / ".dvc/cache")
    done = repo.cpv("model", "info", status=1)
    assert "tag: v0.0" in done.lines
    assert "  model.pt: cannot be read" in done.lines
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith("cpv: warning: model.pt: http://127.0.0.1:")
    files.ranges = True
    assert "parameters in 4 tensors" in repo.cpv("model", "info").out


def without_ranges(request: Request, answer: Answer) -> Answer:
    """A server that knows no ranges sends everything."""
    return Answer(200, content("one.safetensors"), answer.without("Content-Range").headers)


def short(request: Request, answer: Answer) -> Answer:
    """A server that sends less than it says."""
    return Answer(answer.status, answer.body[:-1], answer.headers)


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (error(403, "AccessDenied"), "403|AccessDenied|denied|permission"),
        (error(416, "InvalidRange"), "416|InvalidRange"),
        (without_ranges, "sends other bytes than the range that was asked for"),
        (short, "sent .* bytes instead of|other bytes than"),
    ],
)
@pytest.mark.parametrize("own", [True, False], ids=["own", "boto3"])
def test_a_server_that_refuses_ranges_is_one_line(odd: Any, said: str, own: bool) -> None:
    with odd_s3(GET=odd) as server:
        options = {
            "endpointurl": server.url,
            "access_key_id": "a",
            "secret_access_key": "b",
            "region": "us-east-1",
        }
        remote = S3Remote("s3://bucket/models", options, name="storage", own_client=own)
        oid = md5(content("one.safetensors"))
        server.store(f"models/files/md5/{oid[:2]}/{oid[2:]}", content("one.safetensors"))
        source = remote.open_ranges(oid)
        assert source.size == len(content("one.safetensors"))
        with pytest.raises(CPVError, match=said) as caught:
            source.read(0, 64)
        assert isinstance(caught.value, RemoteError)
        assert len(str(caught.value).splitlines()) == 1
        with pytest.raises(MissingObject):
            remote.open_ranges(ABSENT)
