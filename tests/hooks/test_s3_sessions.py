"""Sessions that expire, before and in the middle: said in one line with the login, queued, and gone on with."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cpv_hooks.console.progress import Progress
from cpv_hooks.remote.common.protocol import Blob, RemoteError
from cpv_hooks.remote.s3.file_parts import PART
from cpv_hooks.remote.s3.s3_inventory import S3Inventory
from cpv_hooks.remote.s3.s3_remote import S3Remote
from cpv_hooks.remote.s3_client.s3_errors import explain_s3
from cpv_hooks.remote.s3_client.s3_options import S3Options
from support.odd_s3 import Answer, Odd, OddS3, Request, error, odd_s3
from support.seaweed import Server

PROGRESS = Progress("testing")
EXPIRED = error(400, "ExpiredToken")


@pytest.fixture
def server() -> Iterator[OddS3]:
    with odd_s3() as found:
        yield found


def remote_of(server: OddS3, folder: Path) -> S3Remote:
    options = {
        "endpointurl": server.url,
        "region": "us-east-1",
        "access_key_id": "me",
        "secret_access_key": "secret-key",
    }
    options["session_token"] = "a-session-token"
    return S3Remote("s3://bucket/team", options, name="storage", unfinished=folder / "uploads")


def blob(folder: Path, data: bytes) -> Blob:
    oid = hashlib.md5(data).hexdigest()
    (folder / oid).write_bytes(data)
    return Blob(oid, folder / oid, len(data))


def test_a_head_does_not_say_why(server: OddS3, tmp_path: Path) -> None:
    item = blob(tmp_path, b"hello")
    remote = remote_of(server, tmp_path)
    remote.missing([item.oid])
    server.odd["*"] = EXPIRED
    inventory = S3Inventory(remote)
    server.odd["LIST"] = lambda request, answer: answer
    for attempt in (remote.missing, inventory.look):
        with pytest.raises(RemoteError) as caught:
            attempt([item.oid])
        assert caught.value.what == "the AWS session has expired"
        assert caught.value.fix == (
            "dvc remote modify --local storage session_token TOKEN (and its access_key_id and secret_access_key), "
            "then dvc cpv sync"
        )


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("InvalidAccessKeyId", "the server does not know this access key"),
        ("SignatureDoesNotMatch", "the secret access key is wrong (the signature does not match)"),
        ("AccessDenied", "access denied (s3:GetObject)"),
    ],
)
def test_what_else_a_head_does_not_say(server: OddS3, tmp_path: Path, code: str, what: str) -> None:
    remote = remote_of(server, tmp_path)
    server.odd |= {"HEAD": error(403, code), "GET": error(403, code)}
    with pytest.raises(RemoteError) as caught:
        remote.missing(["0" * 32])
    assert caught.value.what == what


@pytest.mark.compatibility("Remotes", "S3, credentials that expire in the middle of a transfer")
def test_a_large_upload_goes_on_with_the_new_session(server: OddS3, tmp_path: Path) -> None:
    item = blob(tmp_path, os.urandom(3 * PART))

    def until_the_third(request: Request, answer: Answer) -> Answer | bytes:
        return EXPIRED(request, answer) if request.query["partNumber"] == "3" else answer

    def taken(request: Request, answer: Answer) -> Answer | bytes:
        found = until_the_third(request, answer)
        if found is not answer:
            server.uploads[request.query["uploadId"]].pop(3)
        return found

    server.odd["PART"] = taken
    with pytest.raises(RemoteError, match="the AWS session has expired"):
        remote_of(server, tmp_path).upload([item], PROGRESS)
    server.odd.clear()
    sent = server.seen["PART"]
    remote_of(server, tmp_path).upload([item], PROGRESS)
    assert server.seen["PART"] - sent == 1
    assert server.seen["BEGIN"] == 1
    assert list(server.objects.values()) == [item.path.read_bytes()]


def test_a_commit_is_queued_and_a_push_stops(server: OddS3, make_repo: Any) -> None:
    place = Server(server.url, "me", "secret-key", 0)
    repo = make_repo(remote="s3://bucket/team", server=place, files={"model.bin": "1"})
    repo.git("init", "-q", "--bare", "../origin.git")
    repo.git("remote", "add", "origin", "../origin.git")
    server.odd["*"] = EXPIRED
    repo.write("model.bin", "2")
    said = repo.git("commit", "-qam", "two").text
    assert "the AWS session has expired" in said
    assert "aws sso login (or put fresh keys where the old ones are), then dvc cpv sync" in said
    assert "queued" in said
    pushed = repo.git("push", "-q", "origin", "HEAD", status=None)
    assert pushed.status != 0
    assert "the AWS session has expired" in pushed.text
    server.odd.clear()
    repo.dvc("cpv", "sync")
    assert b"2" in server.objects.values()
    repo.git("push", "-q", "origin", "HEAD")


@pytest.mark.parametrize(
    ("config", "keys", "environment", "login"),
    [
        ("[profile team]\nsso_session = x\n", "", {}, "aws sso login --profile team"),
        ("[profile team]\nlogin_session = x\n", "", {}, "aws login --profile team"),
        (
            "[profile team]\ncredential_process = x\n",
            "",
            {},
            "sign in again where the credential_process of profile team",
        ),
        (
            "[profile team]\nrole_arn = x\nsource_profile = me\n[profile me]\nsso_session = x\n",
            "",
            {},
            "aws sso login --profile me",
        ),
        ("[profile team]\nweb_identity_token_file = /a b\n", "", {}, "put a new token into '/a b'"),
        ("", "", {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}, "put a new token into /token"),
        ("", "[team]\naws_session_token = x\n", {}, "put the new keys and aws_session_token of profile team into"),
        ("", "", {"AWS_SESSION_TOKEN": "x"}, "export the new AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESS"),
    ],
)
def test_the_login_is_that_of_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str, keys: str, environment: dict[str, str], login: str
) -> None:
    from botocore.exceptions import ClientError

    (tmp_path / "config").write_text(config)
    (tmp_path / "keys").write_text(keys)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))
    monkeypatch.setenv("AWS_PROFILE", "team")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = explain_s3(ClientError({"Error": {"Code": "ExpiredToken"}}, "PutObject"), S3Options.of("s", "s3://b", {}))
    assert found.what == "the AWS session has expired"
    assert str(found.fix).startswith(login)


# What a server does not have


def unknown(request: Request, answer: Answer) -> Answer | bytes:
    return error(501, "NotImplemented")(request, answer)


def as_a_listing(request: Request, answer: Answer) -> Answer:
    return Answer(200, b"<ListBucketResult><Name>bucket</Name></ListBucketResult>")


@pytest.mark.parametrize("odd", [unknown, error(405, "MethodNotAllowed"), as_a_listing])
def test_a_server_without_a_call_is_pruned_without_it(server: OddS3, make_repo: Any, odd: Odd) -> None:
    place = Server(server.url, "me", "secret-key", 0)
    repo = make_repo(remote="s3://bucket/team", server=place, files={"model.bin": "1"})
    stray = hashlib.md5(b"stray").hexdigest()
    server.store(f"team/files/md5/{stray[:2]}/{stray[2:]}", b"stray")
    server.odd |= {"UPLOADS": odd, "REMOVE": error(501, "NotImplemented")}
    said = repo.dvc("cpv", "prune", "--remote", "--force", "--grace", "1h", "--yes").text
    assert "unfinished uploads are not seen (the server has no ListMultipartUploads)" in said
    assert b"stray" not in server.objects.values()
    assert b"1" in server.objects.values()
