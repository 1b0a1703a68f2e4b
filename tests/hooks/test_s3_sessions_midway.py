"""A session that expires after some requests of a command: said in one line, and gone on with where it stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from support.odd_s3 import Answer, Odd, OddS3, Request, error, odd_s3
from support.repos import ModelRepo
from support.seaweed import Server

FILES = {"model.bin": "1"} | {f"data/{number}": f"{number}" for number in range(40)}
EXPIRED = error(400, "ExpiredToken")
SAID = "the AWS session has expired; fix: aws sso login (or put fresh keys where the old ones are), then"


@pytest.fixture
def server() -> Iterator[OddS3]:
    with odd_s3() as found:
        yield found


@pytest.fixture
def repo(server: OddS3, make_repo: Any) -> ModelRepo:
    found: ModelRepo = make_repo(remote="s3://bucket/team", server=Server(server.url, "me", "key", 0), files=FILES)
    found.cpv("sync")
    return found


def after(server: OddS3, kind: str, count: int) -> Odd:
    """The session's end after so many requests of a kind; from then on nothing is answered."""
    first = server.seen[kind] + count

    def odd(request: Request, answer: Answer) -> Answer | bytes:
        if server.seen[kind] <= first:
            return answer
        server.odd["*"] = EXPIRED
        return EXPIRED(request, answer)

    return odd


def test_a_fetch_of_many_files_goes_on(server: OddS3, repo: ModelRepo) -> None:
    repo.run("rm", "-rf", ".dvc/cache", "data")
    server.odd["GET"] = after(server, "GET", 20)
    done = repo.cpv("sync", status=1)
    assert SAID in done.err
    assert "Traceback" not in done.text
    server.odd.clear()
    brought = len(list((repo.path / ".dvc/cache/files/md5").glob("*/*")))
    asked = server.seen["GET"]
    repo.cpv("sync")
    assert repo.read("data/39") == b"39"
    assert brought > 10
    assert server.seen["GET"] - asked <= len(FILES) + 1 - brought


@pytest.mark.parametrize("kind", ["LIST", "HEAD"])
def test_verify_says_what_it_did_not_look_at(server: OddS3, repo: ModelRepo, kind: str) -> None:
    server.odd[kind] = after(server, kind, 1)
    if kind == "HEAD":
        server.odd["LIST"] = error(403, "AccessDenied")  # so that each object is asked for
    done = repo.cpv("verify", "--all", status=None)
    assert done.status != 0
    assert "the AWS session has expired" in done.text
    assert "aws sso login" in done.text
    assert "Traceback" not in done.text
    server.odd.clear()
    repo.cpv("verify", "--all")


@pytest.mark.parametrize("kind", ["LIST", "REMOVE", "UPLOADS", "VERSIONING"])
def test_prune_is_stopped_in_one_line_and_goes_on(server: OddS3, repo: ModelRepo, kind: str) -> None:
    stray = hashlib.md5(b"stray").hexdigest()
    key = f"team/files/md5/{stray[:2]}/{stray[2:]}"
    server.store(key, b"stray")

    def expired(request: Request, answer: Answer) -> Answer | bytes:
        if kind == "REMOVE":
            server.store(key, b"stray")
        return EXPIRED(request, answer)

    server.odd[kind] = expired
    done = repo.cpv("prune", "--remote", "--force", "--grace", "1h", "--yes", status=None)
    # Once all is removed, only a remark depends on what the bucket keeps.
    assert (done.status == 0) == (kind == "VERSIONING")
    assert ("the AWS session has expired" in done.err) == (kind != "VERSIONING")
    assert "Traceback" not in done.text
    server.odd.clear()
    repo.cpv("prune", "--remote", "--force", "--grace", "1h", "--yes")
    assert key not in server.objects
    assert b"1" in server.objects.values()
