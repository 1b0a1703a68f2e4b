"""Servers that know less than S3, each in its own words: what they lack is done otherwise or left, the rest is done."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cpv_hooks.accounts.aws.probe import probe
from cpv_hooks.console.progress import Progress
from cpv_hooks.remote.common.inventory import Leftover
from cpv_hooks.remote.common.protocol import Blob, RemoteError
from cpv_hooks.remote.s3.file_parts import PART
from cpv_hooks.remote.s3.s3_inventory import S3Inventory
from cpv_hooks.remote.s3.s3_remote import S3Remote
from support.odd_s3 import Answer, Odd, OddS3, Request, error, html, odd_s3
from support.seaweed import Server

PROGRESS = Progress("testing")
LARGE = os.urandom(PART + 5)


def empty(request: Request, answer: Answer) -> Answer:
    return Answer(200)


ODD: dict[str, Odd] = {
    "501": error(501, "NotImplemented"),
    "405": error(405, "MethodNotAllowed"),
    "400": error(400, "InvalidRequest"),
    "403": error(403, "AccessDenied"),
    "empty 200": empty,
    "a web page": html,
}
each_answer = pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OddS3]:
    monkeypatch.setattr("cpv_hooks.remote.s3_client.boto_client.ATTEMPTS", 1)  # what is tried again takes seconds
    with odd_s3() as found:
        yield found


def remote_of(server: OddS3, folder: Path | None = None) -> S3Remote:
    keys = {"access_key_id": "somebody", "secret_access_key": "a-secret-key", "region": "us-east-1"}
    options = {"endpointurl": server.url, **keys}
    return S3Remote("s3://bucket/team", options, name="storage", unfinished=folder / "uploads" if folder else None)


def blob(folder: Path, data: bytes) -> Blob:
    oid = hashlib.md5(data).hexdigest()
    (folder / oid).write_bytes(data)
    return Blob(oid, folder / oid, len(data))


def key(oid: str) -> str:
    return f"team/files/md5/{oid[:2]}/{oid[2:]}"


@each_answer
@pytest.mark.parametrize("kind", ["BEGIN", "PART", "COMPLETE"])
@pytest.mark.compatibility("Remotes", "S3 servers that lack some of S3's operations")
def test_without_uploads_in_parts_one_request_does_it(server: OddS3, tmp_path: Path, kind: str, odd: Odd) -> None:
    def instead(request: Request, answer: Answer) -> Answer | bytes:
        server.objects.clear()  # it was not done
        return odd(request, answer)

    server.odd[kind] = instead
    items = [blob(tmp_path, LARGE), blob(tmp_path, LARGE[:-1])]
    done: list[Blob] = []
    remote_of(server, tmp_path).upload(items, PROGRESS, done.append)
    assert server.objects == {key(item.oid): item.path.read_bytes() for item in items}
    assert done == items
    assert server.seen["PUT"] == 2
    # By the own client and by boto3; the second object is not tried in parts any more.
    assert server.seen["BEGIN"] <= 2
    assert not any(server.uploads.values())


def test_what_is_too_large_for_one_request_is_one_line(
    server: OddS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("multipart", "s3_remote"):
        monkeypatch.setattr(f"cpv_hooks.remote.s3.{module}.MOST_AT_ONCE", PART)
    server.odd["BEGIN"] = ODD["501"]
    with pytest.raises(RemoteError, match=f"{server.url} has no CreateMultipartUpload"):
        remote_of(server, tmp_path).upload([blob(tmp_path, LARGE)], PROGRESS)
    assert server.seen["PUT"] == 0


def test_a_session_that_expires_is_no_server_without_parts(server: OddS3, tmp_path: Path) -> None:
    server.odd["PART"] = error(400, "ExpiredToken")
    with pytest.raises(RemoteError, match="the AWS session has expired"):
        remote_of(server, tmp_path).upload([blob(tmp_path, LARGE)], PROGRESS)
    assert server.seen["PUT"] == 0
    assert len(server.uploads) == 1


@each_answer
def test_one_line_for_uploads_that_cannot_be_seen_or_ended(
    server: OddS3, tmp_path: Path, odd: Odd, capsys: pytest.CaptureFixture[str]
) -> None:
    server.odd |= {"UPLOADS": odd, "ABORT": odd if odd not in (empty, html) else ODD["501"]}
    inventory = S3Inventory(remote_of(server))
    assert inventory.leftovers(0.0) == []
    inventory.clean([Leftover(f"upload {number}", f"{key('0' * 32)}\n{number}", 1) for number in range(3)])
    seen, left = capsys.readouterr().err.splitlines()
    assert "unfinished uploads are not seen (" in seen
    assert "3 unfinished uploads stay (" in left
    assert server.seen["ABORT"] == 1


@each_answer
@pytest.mark.parametrize("kind", ["REMOVE", "VERSIONING"])
def test_objects_are_removed_all_the_same(server: OddS3, tmp_path: Path, kind: str, odd: Odd) -> None:
    item = blob(tmp_path, b"hello")
    server.store(key(item.oid), b"hello")

    def instead(request: Request, answer: Answer) -> Answer | bytes:
        if kind == "REMOVE":
            server.store(key(item.oid), b"hello")  # it was not done
        return odd(request, answer)

    server.odd[kind] = instead
    S3Inventory(remote_of(server)).remove([item.oid])
    assert server.objects == {}


def test_a_server_that_removes_nothing_is_asked_once(server: OddS3, tmp_path: Path) -> None:
    items = [blob(tmp_path, b"%d" % number) for number in range(3)]
    for item in items:
        server.store(key(item.oid), item.path.read_bytes())
    server.odd |= {"REMOVE": ODD["501"], "DELETE": ODD["405"]}
    with pytest.raises(RemoteError, match="nothing can be removed there: the server has no DeleteObject") as caught:
        S3Inventory(remote_of(server)).remove([item.oid for item in items])
    assert caught.value.fix == "dvc cpv prune, without --remote"
    assert server.seen["DELETE"] == 1


@pytest.mark.parametrize("word", ["501", "405", "400"])
def test_the_probe_that_stays_is_one_line(server: OddS3, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    server.odd["DELETE"] = ODD[word]
    probe(remote_of(server).options, "team/probe")
    assert "s3://bucket/team/probe: the probe object stays" in capsys.readouterr().err


@each_answer
def test_prune_and_verify_of_a_model_on_such_a_server(server: OddS3, make_repo: Any, odd: Odd) -> None:
    """All of it in the commands that people type."""
    server.odd |= dict.fromkeys(("UPLOADS", "REMOVE", "VERSIONING", "ABORT", "BEGIN", "PARTS"), odd)
    repo = make_repo(remote="s3://bucket/team", server=Server(server.url, "me", "key", 0), files={"model.bin": "1"})
    stray = hashlib.md5(b"stray").hexdigest()
    server.store(key(stray), b"stray")
    server.odd["REMOVE"] = lambda request, answer: (server.store(key(stray), b"stray"), odd(request, answer))[1]
    said = repo.dvc("cpv", "prune", "--remote", "--force", "--grace", "1h", "--yes").text
    assert "unfinished uploads are not seen (" in said
    assert b"stray" not in server.objects.values()
    assert b"1" in server.objects.values()
    assert "Traceback" not in repo.dvc("cpv", "verify", "--all", "--deep").text
