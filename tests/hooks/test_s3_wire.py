"""Small objects without boto3's cost for each: the same bytes, the same errors."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from cpv_hooks.console.progress import Progress
from cpv_hooks.console.trace import Level, listening
from cpv_hooks.remote.common.protocol import Blob, MissingObject
from cpv_hooks.remote.s3.s3_remote import SMALL, S3Remote
from cpv_hooks.remote.s3_client import request_signing
from cpv_hooks.remote.s3_client.request_signing import STAND_IN, Keys, Pattern
from cpv_hooks.system.threads import each
from support.faulty import proxied
from support.seaweed import Server

PROGRESS = Progress("testing")


def remote_of(server: Server, bucket: str, prefix: str = "team", **options: str) -> S3Remote:
    keys = {"access_key_id": server.access_key, "secret_access_key": server.secret_key, "region": server.region}
    return S3Remote(f"s3://{bucket}/{prefix}", {"endpointurl": server.endpoint_url, **keys, **options}, name="storage")


def blobs_in(folder: Path, count: int, size: int = 100) -> list[Blob]:
    folder.mkdir(exist_ok=True)
    found = []
    for _ in range(count):
        data = os.urandom(size)
        oid = hashlib.md5(data).hexdigest()
        (folder / oid).write_bytes(data)
        found.append(Blob(oid, folder / oid, size))
    return found


def round_trip(remote: S3Remote, blobs: list[Blob], out: Path) -> list[str]:
    """Send and bring objects; returns the requests that name one."""
    seen: list[str] = []

    def listen(level: Level, text: str) -> None:
        seen.extend([text] if "/files/md5/" in text else [])

    with listening(listen):
        remote.upload(blobs, PROGRESS)
        for blob in blobs:
            remote.download(blob.oid, out / blob.oid, PROGRESS)
            assert (out / blob.oid).read_bytes() == blob.path.read_bytes()
    return seen


@pytest.mark.parametrize("prefix", ["team", "a b/ü+~(1)"])
def test_one_request_for_each(s3_server: Server, tmp_path: Path, prefix: str) -> None:
    bucket = s3_server.make_bucket()
    blobs = [*blobs_in(tmp_path / "in", 5), *blobs_in(tmp_path / "in", 1, SMALL), *blobs_in(tmp_path / "in", 1, 0)]
    seen = round_trip(remote_of(s3_server, bucket, prefix), blobs, tmp_path / "out")
    assert set(s3_server.keys(bucket)) == {f"{prefix}/files/md5/{blob.oid[:2]}/{blob.oid[2:]}" for blob in blobs}
    assert len(seen) == 2 * len(blobs)
    assert STAND_IN[2:] not in str(seen)
    assert s3_server.secret_key not in str(seen)


def test_a_larger_object_too(s3_server: Server, tmp_path: Path) -> None:
    blobs = blobs_in(tmp_path / "in", 2, SMALL + 1)
    assert len(round_trip(remote_of(s3_server, s3_server.make_bucket()), blobs, tmp_path / "out")) == 4


@pytest.mark.compatibility("Remotes", "S3, SSE-C")
def test_a_customer_key_goes_with_each_request(s3_server: Server, tmp_path: Path) -> None:
    bucket, raw = s3_server.make_bucket(), os.urandom(32)
    (blob,) = blobs = blobs_in(tmp_path / "in", 1)
    remote = remote_of(s3_server, bucket, sse_customer_key=base64.b64encode(raw).decode())
    assert len(round_trip(remote, blobs, tmp_path / "out")) == 2
    client, key = s3_server.client(), remote.key(blob.oid)
    with pytest.raises(client.exceptions.ClientError):
        client.get_object(Bucket=bucket, Key=key)
    answer = client.get_object(Bucket=bucket, Key=key, SSECustomerKey=raw, SSECustomerAlgorithm="AES256")
    assert answer["Body"].read() == blob.path.read_bytes()


def test_connections_outlive_the_threads_that_made_them(
    s3_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread takes up the connection of one that has ended."""
    blobs, opened = blobs_in(tmp_path / "in", 5), list[object]()
    connect = socket.create_connection
    remote = remote_of(s3_server, s3_server.make_bucket())
    remote.missing(["0" * 32])

    def counted(*args: Any, **rest: Any) -> socket.socket:
        opened.append(args)
        return connect(*args, **rest)

    monkeypatch.setattr(socket, "create_connection", counted)
    for number in range(3):
        remote.missing([blob.oid for blob in blobs])
        remote.upload(blobs, PROGRESS)
        each(lambda blob: remote.download(blob.oid, tmp_path / f"{number}-{blob.oid}", PROGRESS), blobs, 5)  # noqa: B023
        assert all((tmp_path / f"{number}-{blob.oid}").read_bytes() == blob.path.read_bytes() for blob in blobs)
    assert 0 < len(opened) <= len(blobs)


def test_what_fails_is_left_to_boto3(s3_server: Server, tmp_path: Path) -> None:
    bucket, blobs = s3_server.make_bucket(), blobs_in(tmp_path / "in", 40)
    with proxied(s3_server.endpoint_url, 3, rate=0.0, faults=("500", "reset", "drop", "truncate")) as proxy:
        remote = remote_of(s3_server, bucket, endpointurl=proxy.endpoint_url)
        remote.check()
        proxy.rate = 0.3
        round_trip(remote, blobs, tmp_path / "out")
        assert proxy.done.total()
    assert len(s3_server.keys(bucket)) == len(blobs)


def test_an_object_that_is_not_there(s3_server: Server, tmp_path: Path) -> None:
    bucket = s3_server.make_bucket()
    remote = remote_of(s3_server, bucket)
    with pytest.raises(MissingObject, match="is not on the remote"):
        remote.download("1" * 32, tmp_path / "x", PROGRESS)


def test_a_proxy_is_left_to_boto3(s3_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The server itself takes requests that are meant for a proxy.
    monkeypatch.setenv("HTTP_PROXY", s3_server.endpoint_url)
    remote = remote_of(s3_server, s3_server.make_bucket())
    assert remote._wire.get("1" * 32) is None
    round_trip(remote, blobs_in(tmp_path / "in", 2), tmp_path / "out")


def test_another_boto3_is_left_to_itself(s3_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = remote_of(s3_server, s3_server.make_bucket())

    def caught(*_: object) -> None:
        raise AttributeError("a release of botocore may have other names")

    monkeypatch.setattr("cpv_hooks.remote.s3_client.learn._caught", caught)
    assert remote._wire.get("1" * 32) is None
    assert remote._wire._is_off
    round_trip(remote, blobs_in(tmp_path / "in", 2), tmp_path / "out")


def test_credentials_are_looked_at_again(s3_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = remote_of(s3_server, s3_server.make_bucket())
    round_trip(remote, blobs_in(tmp_path / "in", 1), tmp_path / "out")
    before = remote._wire._way
    now = time.monotonic()
    monkeypatch.setattr("cpv_hooks.remote.s3_client.wire.time.monotonic", lambda: now + 301)
    round_trip(remote, blobs_in(tmp_path / "in", 1), tmp_path / "out")
    after = remote._wire._way
    assert before is not None
    assert after is not None
    assert after is not before


def test_a_signature_is_that_of_the_manual(monkeypatch: pytest.MonkeyPatch) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, "GET Object", "Get Bucket"."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> Clock:
            return cls(2013, 5, 24, tzinfo=UTC)

    monkeypatch.setattr(request_signing, "datetime", Clock)
    key, secret = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    pattern = Pattern("https://examplebucket.s3.amazonaws.com/test.txt", "test.txt", {}, True, "", "us-east-1")
    keys = Keys(key, secret)

    def signature(method: str, path: str, query: str, body: bytes, headers: dict[str, str]) -> str:
        return pattern.signed(keys, method, path, query, body, headers).headers["authorization"].rpartition("=")[2]

    got = signature("GET", "/test.txt", "", b"", {"range": "bytes=0-9"})
    assert got == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    listed = signature("GET", "/", "max-keys=2&prefix=J", b"", {})
    assert listed == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    assert secret not in repr(pattern) + repr(keys)


# TLS


@pytest.mark.compatibility("Remotes", "S3 with a certificate of one's own")
@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize("trust", ["the certificate", "anything"])
def test_over_tls(s3_server: Server, tmp_path: Path, trust: str) -> None:
    with encrypted(s3_server, tmp_path) as (endpoint, certificate):
        verify = str(certificate) if trust == "the certificate" else "false"
        remote = remote_of(s3_server, s3_server.make_bucket(), endpointurl=endpoint, ssl_verify=verify)
        blobs = blobs_in(tmp_path / "in", 4)
        assert len(round_trip(remote, blobs, tmp_path / "out")) == 2 * len(blobs)


@contextmanager
def encrypted(server: Server, folder: Path) -> Iterator[tuple[str, Path]]:
    """The server behind TLS; its certificate is its own authority."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    extra = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*request, *extra], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    parts = urlsplit(server.endpoint_url)
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listener.accept()
                threading.Thread(target=serve, args=(plain,), daemon=True).start()

    def serve(plain: socket.socket) -> None:
        address = (parts.hostname or "", parts.port or 80)
        with (
            suppress(OSError),
            context.wrap_socket(plain, server_side=True) as client,
            socket.create_connection(address) as target,
        ):
            threading.Thread(target=pump, args=(target, client), daemon=True).start()
            pump(client, target)

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"https://localhost:{listener.getsockname()[1]}", certificate
    finally:
        listener.close()
