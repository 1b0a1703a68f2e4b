"""What a remote's options and AWS's settings ask for is in every request, whichever client sends it."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cpv_hooks.console.progress import Progress
from cpv_hooks.remote.common.protocol import Blob, RemoteError
from cpv_hooks.remote.s3.s3_remote import S3Remote
from support.odd_s3 import Answer, OddS3, Request, error, odd_s3

KEYS = {"access_key_id": "somebody", "secret_access_key": "a-secret-key", "region": "eu-west-1"}
AWS = {"use_ssl": "false"}
SSE = "x-amz-server-side-encryption"
PROGRESS = Progress("testing")
LARGE = b"goes in parts"
NONE: Mapping[str, str] = {}


class Case(NamedTuple):
    """Options and AWS's settings; what requests that store an object must have, and the host of all."""

    options: Mapping[str, str] = NONE
    settings: str = ""
    stores: Mapping[str, str] = NONE
    host: str = "localhost"


CASES = {
    "S3, SSE-S3 (`sse = AES256`)": Case({"sse": "AES256"}, stores={SSE: "AES256"}),
    "S3, SSE-KMS with a key of one's own (`sse_kms_key_id`)": Case(
        {"sse": "aws:kms", "sse_kms_key_id": "arn:aws:kms:eu-west-1:1:key/k"},
        stores={SSE: "aws:kms", f"{SSE}-aws-kms-key-id": "arn:aws:kms:eu-west-1:1:key/k"},
    ),
    "S3, `acl`": Case({"acl": "bucket-owner-full-control"}, stores={"x-amz-acl": "bucket-owner-full-control"}),
    "S3, `grant_read` and the like": Case(
        {"grant_read": "id=a", "grant_full_control": "id=b"},
        stores={"x-amz-grant-read": "id=a", "x-amz-grant-full-control": "id=b"},
    ),
    "S3, path style": Case(AWS, "s3 =\n  addressing_style = path\n", host="s3.eu-west-1.amazonaws.com"),
    "S3, virtual-hosted style": Case(AWS, host="bucket.s3.eu-west-1.amazonaws.com"),
    "S3, virtual-hosted style on another server": Case(
        settings="s3 =\n  addressing_style = virtual\n", host="bucket.localhost"
    ),
    "S3, dual-stack": Case(
        AWS, "s3 =\n  use_dualstack_endpoint = true\n", host="bucket.s3.dualstack.eu-west-1.amazonaws.com"
    ),
    "S3, Transfer Acceleration": Case(
        AWS, "s3 =\n  use_accelerate_endpoint = true\n", host="bucket.s3-accelerate.amazonaws.com"
    ),
    "`request_checksum_calculation` of AWS's settings": Case(
        settings="request_checksum_calculation = when_supported\nresponse_checksum_validation = when_supported\n",
    ),
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OddS3]:
    """The server, found under AWS's names too."""
    found = socket.getaddrinfo

    def look_up(host: Any, port: Any, *more: Any, **named: Any) -> Any:
        if str(host).endswith((".amazonaws.com", ".localhost")):
            host, port = "localhost", int(odd.url.rpartition(":")[2])
        return found(host, port, *more, **named)

    with odd_s3() as odd:
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        monkeypatch.setattr("cpv_hooks.remote.s3.s3_remote.PART", len(LARGE))
        yield odd


def requests_of(server: OddS3, options: Mapping[str, str], folder: Path) -> list[Request]:
    """What is asked to store and read a small object and one that goes in parts."""
    seen: list[Request] = []

    def note(request: Request, answer: Answer) -> Answer:
        seen.append(request)
        return answer

    server.odd["*"] = note
    server.objects.clear()
    remote = S3Remote("s3://bucket/team", options, name="storage")
    for data in (b"small", LARGE):
        oid = hashlib.md5(data).hexdigest()
        (folder / oid).write_bytes(data)
        remote.upload([Blob(oid, folder / oid, len(data))], PROGRESS)
        remote.download(oid, folder / "out", PROGRESS)
        assert (folder / "out").read_bytes() == data
        (folder / "out").unlink()
    assert list(server.objects.values()) == [b"small", LARGE]
    return [request for request in seen if request.key]


@pytest.mark.compatibility("Remotes", each=CASES)
@pytest.mark.parametrize("name", CASES)
def test_options_are_sent_by_both_clients(
    name: str, server: OddS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[name]
    (tmp_path / "config").write_text(f"[default]\n{case.settings}")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    options = {**KEYS, **case.options}
    if case.options is not AWS:
        options["endpointurl"] = server.url
    for client in ("own", "boto3"):
        monkeypatch.setenv("CPV_S3_CLIENT", client)
        requests = requests_of(server, options, tmp_path)
        assert {request.kind for request in requests} >= {"PUT", "BEGIN", "PART", "COMPLETE", "GET"}
        for request in requests:
            kind, headers = request.kind, request.headers
            assert headers["host"].partition(":")[0] == case.host
            asked = {name: value for name, value in headers.items() if name.startswith("x-amz-")}
            for name in ("x-amz-date", "x-amz-content-sha256"):
                del asked[name]
            assert asked == (case.stores if kind in ("PUT", "BEGIN") else {}), kind
            assert ("content-md5" in headers) == (kind in ("PUT", "PART")), kind


def test_options_that_exclude_each_other(server: OddS3) -> None:
    """DVC would refuse them, or the server."""
    key = base64.b64encode(os.urandom(32)).decode()
    for options, what, fix in (
        ({"acl": "private", "grant_read": "id=a"}, "acl and grant_read exclude each other", "--unset grant_read"),
        ({"sse": "aws:kms", "sse_customer_key": key}, "sse_customer_key and sse exclude each other", "--unset sse"),
    ):
        with pytest.raises(RemoteError) as caught:
            S3Remote("s3://bucket/team", {**KEYS, "endpointurl": server.url, **options}, name="storage").check()
        assert caught.value.what == what
        assert str(caught.value.fix) == f"dvc remote modify storage {fix}"


@pytest.mark.compatibility(
    "Remotes",
    "S3, requester pays",
    unsupported="DVC has no option for it; `access denied` says that such a bucket may be the cause",
)
def test_requester_pays(server: OddS3) -> None:
    server.odd["*"] = error(403, "AccessDenied")
    for options, end in (
        (AWS, " (for a bucket where the requester pays DVC has no option)"),
        ({"endpointurl": server.url}, ""),
    ):
        with pytest.raises(RemoteError) as caught:
            S3Remote("s3://bucket/team", {**KEYS, **options}, name="storage").check()
        assert caught.value.what == "access denied (s3:ListBucket)"
        assert caught.value.fix == f"ask the bucket's owner for s3:ListBucket on bucket/team{end}"
