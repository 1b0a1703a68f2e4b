"""Settings of a remote that are half there, or name what is dead: each is named, with its command."""

from __future__ import annotations

import base64
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cpv_hooks.errors import CPVError
from cpv_hooks.remote.common.protocol import RemoteError
from cpv_hooks.remote.s3.s3_remote import S3Remote
from support.odd_s3 import Answer, OddS3, odd_s3

KEYS = {"access_key_id": "somebody", "secret_access_key": "a-secret-key"}
MODIFY = "dvc remote modify storage"
LOCAL = "dvc remote modify --local storage"


@pytest.fixture
def server() -> Iterator[OddS3]:
    with odd_s3() as found:
        yield found


def check(server: OddS3, **options: str) -> None:
    found = {"endpointurl": server.url, "region": "us-east-1", **options}
    S3Remote("s3://bucket/team", found, name="storage").missing(["0" * 32])


@pytest.mark.parametrize(
    ("options", "what", "fix"),
    [
        (
            {"session_token": "a-token"},
            "session_token is set, but not access_key_id and secret_access_key",
            f"{LOCAL} access_key_id ID (and secret_access_key), or {LOCAL} --unset session_token",
        ),
        (
            {"session_token": "a-token", "access_key_id": "somebody"},
            "secret_access_key is not set",
            f"{LOCAL} secret_access_key VALUE",
        ),
        (
            {**KEYS, "read_timeout": "0"},
            "read_timeout is '0', not a number of seconds above 0",
            f"{MODIFY} read_timeout 60",
        ),
        (
            {**KEYS, "read_timeout": "-1"},
            "read_timeout is '-1', not a number of seconds above 0",
            f"{MODIFY} read_timeout 60",
        ),
        (
            {**KEYS, "connect_timeout": "soon"},
            "connect_timeout is 'soon', not a number of",
            f"{MODIFY} connect_timeout 5",
        ),
        ({**KEYS, "connect_timeout": "9" * 20}, "connect_timeout is '9999", f"{MODIFY} connect_timeout 5"),
        (
            {**KEYS, "sse_customer_algorithm": "AES256"},
            "but not sse_customer_key",
            f"{LOCAL} sse_customer_key",
        ),
        ({**KEYS, "sse_kms_key_id": "x"}, "sse_kms_key_id is set, but sse is not aws:kms", f"{MODIFY} sse aws:kms"),
        (
            {**KEYS, "sse_customer_key": base64.b64encode(b"short").decode()},
            "sse_customer_key has 5 bytes, not 32",
            f"{LOCAL} sse_customer_key BASE64",
        ),
        ({**KEYS, "region": "eu west"}, "region_name 'eu west'", f"{MODIFY} region REGION"),
        ({**KEYS, "ssl_verify": "/nowhere/ca.pem"}, "ssl_verify is /nowhere/ca.pem", f"{MODIFY} ssl_verify CA_FILE"),
        ({"credentialpath": "/nowhere/keys"}, "there is no file /nowhere/keys", f"{LOCAL} credentialpath FILE"),
    ],
)
def test_a_setting_that_is_half_there(server: OddS3, options: dict[str, str], what: str, fix: str) -> None:
    with pytest.raises(CPVError) as caught:
        check(server, **options)
    assert what in caught.value.what
    assert str(caught.value.fix).startswith(fix)


def test_half_of_the_keys_in_the_environment(server: OddS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    with pytest.raises(RemoteError) as caught:
        check(server)
    assert caught.value.what == "AWS_SECRET_ACCESS_KEY is not set"
    assert caught.value.fix == "export AWS_SECRET_ACCESS_KEY=VALUE, then dvc cpv sync"


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy"])
def test_a_dead_proxy_is_named(server: OddS3, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv(variable, f"http://me:hunter2hunter2@localhost:{port}")
    with pytest.raises(RemoteError) as caught:
        check(server, **KEYS)
    assert caught.value.what == f"the proxy http://me:***@localhost:{port} ({variable}) does not answer"
    assert caught.value.fix == f"unset {variable}, or export NO_PROXY=localhost, then dvc cpv sync"
    monkeypatch.setenv("NO_PROXY", "localhost")
    check(server, **KEYS)


@pytest.mark.compatibility("Remotes", "S3 behind a proxy")
def test_a_proxy_that_asks_for_a_login(server: OddS3, monkeypatch: pytest.MonkeyPatch) -> None:
    with odd_s3() as proxy:
        proxy.odd["*"] = lambda request, answer: Answer(407, is_head=answer.is_head)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        with pytest.raises(RemoteError, match=r"the proxy http://localhost:\d+ \(HTTP_PROXY\) asks for a login"):
            check(server, **KEYS)


def test_a_trusted_file_that_is_there(server: OddS3, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(os.urandom(10))
    check(server, **KEYS, ssl_verify=str(path))  # nothing is encrypted here
