"""What a server answers is no proof: a success that S3 would not give is asked about, left to boto3, or an error."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cpv_hooks.console.progress import Progress
from cpv_hooks.remote.common.inventory import Leftover, Seen
from cpv_hooks.remote.common.protocol import Blob, CorruptObject, RemoteError
from cpv_hooks.remote.s3.file_parts import PART
from cpv_hooks.remote.s3.s3_inventory import S3Inventory
from cpv_hooks.remote.s3.s3_remote import S3Remote
from cpv_hooks.remote.s3_client import http1_reply
from support.odd_s3 import Answer, Odd, OddS3, Request, error, html, odd_s3

PROGRESS = Progress("testing")
LARGE = os.urandom(PART + 5)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OddS3]:
    # What boto3 tries again takes seconds.
    monkeypatch.setattr("cpv_hooks.remote.s3_client.boto_client.ATTEMPTS", 1)
    with odd_s3() as found:
        yield found


def remote_of(server: OddS3, memory: Path | None = None, **options: str) -> S3Remote:
    keys = {"access_key_id": "somebody", "secret_access_key": "a-secret-key", "region": "us-east-1"}
    return S3Remote(
        "s3://bucket/team",
        {"endpointurl": server.url, "read_timeout": "20", **keys, **options},
        name="storage",
        memory=memory,
    )


def blob(folder: Path, data: bytes) -> Blob:
    oid = hashlib.md5(data).hexdigest()
    (folder / oid).write_bytes(data)
    return Blob(oid, folder / oid, len(data))


def key(oid: str) -> str:
    return f"team/files/md5/{oid[:2]}/{oid[2:]}"


def lost(request: Request, answer: Answer) -> Answer:
    """Says yes, as something between that knows nothing of S3 does."""
    return Answer(200, is_head=answer.is_head)


def untagged(request: Request, answer: Answer) -> Answer:
    return answer.without("ETag")


def failed(request: Request, answer: Answer) -> Answer:
    said = error(500, "InternalError")(request, answer)
    return replace(said, status=200) if isinstance(said, Answer) else answer


class Forgetful(OddS3):
    """Says yes to what is stored, and keeps nothing of it."""

    def store(self, key: str, data: bytes) -> None:
        pass


# What is stored


@pytest.mark.parametrize("odd", [untagged, lost])
def test_an_object_is_asked_for_where_put_gives_no_tag(server: OddS3, tmp_path: Path, odd: Odd) -> None:
    item = blob(tmp_path, b"hello")
    server.odd["PUT"] = odd
    remote_of(server).upload([item], PROGRESS)
    assert server.objects == {key(item.oid): b"hello"}
    assert server.seen["HEAD"] == 1


@pytest.mark.parametrize("odd", [untagged, lost, failed, html])
def test_what_is_not_there_is_not_believed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, odd: Odd) -> None:
    monkeypatch.setattr("cpv_hooks.remote.s3_client.boto_client.ATTEMPTS", 1)
    server = Forgetful({"PUT": odd})
    done: list[Blob] = []
    with pytest.raises(RemoteError):
        remote_of(server).upload([blob(tmp_path, b"hello")], PROGRESS, done.append)
    server.close()
    assert done == []
    # boto3 had its try, after the own client.
    assert server.seen["PUT"] == 2


def test_another_tag_is_asked_about_and_then_the_bytes_are(server: OddS3, tmp_path: Path) -> None:
    """Some servers' tags are no MD5; others have stored something else."""

    def other(request: Request, answer: Answer) -> Answer:
        return answer.without("ETag").header("ETag", '"0123456789abcdef0123456789abcdef"')

    server.odd |= {"PUT": other, "HEAD": other}
    item = blob(tmp_path, b"hello")
    remote_of(server).upload([item], PROGRESS)
    assert server.seen["GET"] == 1

    def spoiled(request: Request, answer: Answer) -> Answer:
        server.store(request.key, b"hallo")
        return other(request, answer)

    server.odd["PUT"] = spoiled
    with pytest.raises(RemoteError, match=f"object {item.oid} did not arrive whole"):
        remote_of(server).upload([item], PROGRESS)


@pytest.mark.compatibility("Remotes", "S3, SSE-KMS (ETags that are no MD5)")
def test_an_encrypted_object_has_another_tag(server: OddS3, tmp_path: Path) -> None:
    def encrypted(request: Request, answer: Answer) -> Answer:
        tagged = answer.without("ETag").header("ETag", '"0123456789abcdef0123456789abcdef"')
        return tagged.header("x-amz-server-side-encryption", "aws:kms")

    server.odd["PUT"] = encrypted
    remote_of(server).upload([blob(tmp_path, b"hello")], PROGRESS)
    assert (server.seen["PUT"], server.seen["HEAD"], server.seen["GET"]) == (1, 0, 0)


@pytest.mark.parametrize("kind", ["BEGIN", "PART", "COMPLETE"])
def test_an_upload_in_parts_is_not_believed(server: OddS3, tmp_path: Path, kind: str) -> None:
    """Where it looks like another server's, one request does it: `test_s3_lacking`."""

    def instead(request: Request, answer: Answer) -> Answer | bytes:
        server.objects.clear()  # it was not done
        return failed(request, answer)

    server.odd[kind] = instead
    done: list[Blob] = []
    with pytest.raises(RemoteError):
        remote_of(server).upload([blob(tmp_path, LARGE)], PROGRESS, done.append)
    assert done == []


@pytest.mark.parametrize("odd", [lost, html])
def test_an_upload_that_was_completed_is_not_sent_again(server: OddS3, tmp_path: Path, odd: Odd) -> None:
    server.odd["COMPLETE"] = odd
    item = blob(tmp_path, LARGE)
    remote_of(server).upload([item], PROGRESS)
    assert server.objects == {key(item.oid): LARGE}
    assert server.seen["PART"] == 2


# What is there


@pytest.mark.parametrize("odd", [untagged, lost, failed, html])
def test_a_head_that_is_none(server: OddS3, tmp_path: Path, odd: Odd) -> None:
    server.store("team/x", b"x")
    server.odd["HEAD"] = odd
    item = blob(tmp_path, b"hello")
    server.store(key(item.oid), b"hello")
    with pytest.raises(RemoteError, match="says that an object is there, but not its ETag") as caught:
        remote_of(server).missing([item.oid])
    assert server.url in caught.value.what
    assert "dvc remote modify storage endpointurl https://HOST" in str(caught.value.fix)
    inventory = S3Inventory(remote_of(server))
    with pytest.raises(RemoteError, match="but not its length or not its ETag"):
        inventory.look([item.oid])


LISTINGS: list[tuple[str, Odd]] = [
    ("an empty body", lost),
    ("a web page", html),
    ("<ListAllMyBucketsResult>", lambda r, a: replace(a, body=b"<ListAllMyBucketsResult/>")),
    ("no XML", lambda r, a: replace(a, body=b"<ListBucketResult>")),
    ("no XML", lambda r, a: replace(a, body=b'<?xml version="1.0" encoding="klingon"?>' + a.body)),
    ("objects without a size", lambda r, a: replace(a, body=a.body.replace(b"<Size>5</Size>", b""))),
    ("what was not asked for", lambda r, a: replace(a, body=a.body.replace(b"<Key>team", b"<Key>other"))),
    ("how to ask for the next", lambda r, a: replace(a, body=a.body.replace(b">false<", b">true<"))),
]


@pytest.mark.parametrize(("what", "odd"), LISTINGS, ids=[f"{n} {what}" for n, (what, _) in enumerate(LISTINGS)])
def test_a_listing_that_is_none_is_no_empty_one(server: OddS3, tmp_path: Path, what: str, odd: Odd) -> None:
    item = blob(tmp_path, b"hello")
    server.store(key(item.oid), b"hello")
    remote = remote_of(server, tmp_path / "s3.json")
    assert remote.missing([item.oid]) == set()
    assert (tmp_path / "s3.json").exists()
    server.odd["LIST"] = odd
    wanted = [item.oid, *(f"{number:032x}" for number in range(40))]
    for attempt in (remote.missing, S3Inventory(remote_of(server)).look):
        with pytest.raises(RemoteError) as caught:
            attempt(wanted)
        assert what in caught.value.what
        assert server.url in caught.value.what
    # What was learned may be what misled.
    assert not (tmp_path / "s3.json").exists()
    with pytest.raises(RemoteError):
        S3Inventory(remote_of(server)).everything()


# HTTP that S3 does not send


def lengths(*headers: str) -> Odd:
    return lambda request, answer: answer.raw(*headers, body=b"" if answer.is_head else None)


WITHOUT: list[tuple[str, Odd]] = [
    ("in chunks", lambda r, a: a.chunked()),
    ("without a length", lengths()),
    ("with a body after a HEAD", lambda r, a: replace(a, is_head=False)),
    ("one length twice", lambda r, a: lengths(*2 * [f"Content-Length: {len(a.body)}"])(r, a)),
    ("one more answer", lambda r, a: a.sent + Answer(200, b"other", (("ETag", '"x"'),)).sent),
]


@pytest.mark.parametrize("odd", [odd for _, odd in WITHOUT], ids=[what for what, _ in WITHOUT])
def test_what_can_be_understood_is(server: OddS3, tmp_path: Path, odd: Odd) -> None:
    item, other, large = (blob(tmp_path, data) for data in (b"hello", b"other", LARGE))
    server.odd["*"] = odd
    remote = remote_of(server)
    remote.upload([item, other, large], PROGRESS)
    sizes = {found.oid: found.size for found in (item, other, large)}
    assert remote.missing([*sizes, "0" * 32], sizes) == {"0" * 32}
    for found in (item, other, large):
        remote.download(found.oid, tmp_path / "out", PROGRESS)
        assert (tmp_path / "out").read_bytes() == found.path.read_bytes()


REFUSED: list[tuple[str, Odd]] = [
    ("with the length '9000", lengths(f"Content-Length: 9{'0' * 30}")),
    ("with the length '9007199254740993'", lengths("Content-Length: 9007199254740993")),
    ("with the length '-5'", lengths("Content-Length: -5")),
    ("with the length 'five'", lengths("Content-Length: five")),
    ("multiple unmatching values", lengths("Content-Length: 5", "Content-Length: 7")),
    ("gives no whole answer", lambda r, a: b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("gives no whole answer", lambda r, a: b""),
    ("redirects to http://localhost/login", lambda r, a: Answer(302, b"", (("Location", "http://localhost/login"),))),
    ("redirects to http://", lambda r, a: Answer(307, b"", (("Location", f"http://{r.headers['host']}/{r.key}"),))),
    ("in another region", lambda r, a: Answer(301, b"", (("x-amz-bucket-region", "eu-west-1"),))),
]


@pytest.mark.parametrize(("what", "odd"), REFUSED, ids=[f"{n} {what}" for n, (what, _) in enumerate(REFUSED)])
@pytest.mark.parametrize("kind", ["LIST", "HEAD", "GET", "PUT"])
def test_what_cannot_be_understood_is_one_line(server: OddS3, tmp_path: Path, kind: str, what: str, odd: Odd) -> None:
    item = blob(tmp_path, b"hello")
    server.store(key(item.oid), b"hello")
    remote = remote_of(server, tmp_path / "s3.json")
    assert remote.missing([item.oid]) == set()
    server.odd[kind] = odd
    attempts: dict[str, Callable[[], object]] = {
        "LIST": lambda: remote.check(),
        "HEAD": lambda: remote.missing([item.oid]),
        "GET": lambda: remote.download(item.oid, tmp_path / "out", PROGRESS),
        "PUT": lambda: remote.upload([item], PROGRESS),
    }
    with pytest.raises(RemoteError) as caught:
        attempts[kind]()
    assert what in str(caught.value)
    assert server.url in str(caught.value) or what == "in another region"
    assert caught.value.fix
    assert not isinstance(caught.value, CorruptObject)
    assert sum(server.seen.values()) < 20, "redirects without end, among others, are given up"


@pytest.mark.parametrize(
    ("what", "odd"),
    [
        ("without an ETag", html),
        ("without an ETag", failed),
        ("the content coding gzip", lambda r, a: replace(a, body=b"\x1f\x8b").header("Content-Encoding", "gzip")),
        ("may have been cut", lambda r, a: replace(a, body=b"hel").chunked()),
    ],
)
def test_wrong_bytes_of_somebody_else_are_no_corrupt_object(server: OddS3, tmp_path: Path, what: str, odd: Odd) -> None:
    item = blob(tmp_path, b"hello")
    server.store(key(item.oid), b"hello")
    server.odd["GET"] = odd
    with pytest.raises(RemoteError, match="and the server sends it") as caught:
        remote_of(server).download(item.oid, tmp_path / "out", PROGRESS)
    assert what in caught.value.what
    assert not isinstance(caught.value, CorruptObject)
    assert not (tmp_path / "out").exists()


def test_another_range_than_was_asked_for(server: OddS3, tmp_path: Path) -> None:
    data = os.urandom(33 << 20)
    item = blob(tmp_path, data)
    server.store(key(item.oid), data)

    def whole(request: Request, answer: Answer) -> Answer:
        return replace(answer, status=200, body=data).without("Content-Range")

    server.odd["GET"] = whole
    with pytest.raises(RemoteError, match="sends other bytes than the range that was asked for"):
        remote_of(server).download(item.oid, tmp_path / "out", PROGRESS)


def test_what_is_no_http_lets_the_way_be_forgotten(server: OddS3, tmp_path: Path) -> None:
    item = blob(tmp_path, b"hello")
    server.store(key(item.oid), b"hello")
    remote = remote_of(server, tmp_path / "s3.json")
    remote.missing([item.oid])
    assert (tmp_path / "s3.json").exists()
    server.odd["GET"] = lambda request, answer: answer.chunked()
    remote.download(item.oid, tmp_path / "out", PROGRESS)
    assert remote._wire._is_off
    assert not (tmp_path / "s3.json").exists()


def test_answers_before_the_answer_without_end(server: OddS3, tmp_path: Path) -> None:
    """boto3 would wait without end, so that it is not asked."""
    item = blob(tmp_path, b"hello")
    remote = remote_of(server, tmp_path / "s3.json")
    server.store("team/x", b"x")
    remote.missing([item.oid])
    early = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    server.odd["HEAD"] = lambda request, answer: early * (http1_reply._EARLY + 1) + answer.sent
    with pytest.raises(RemoteError, match="more than 8 answers before the answer") as caught:
        remote.missing([item.oid])
    assert server.url in caught.value.what
    assert server.seen["HEAD"] in (2, 3)  # a connection that was used before is made anew once
    server.odd["HEAD"] = lambda request, answer: early * http1_reply._EARLY + answer.sent
    assert remote_of(server).missing([item.oid]) == {item.oid}


def test_an_inventory_takes_what_has_no_time(server: OddS3, tmp_path: Path) -> None:
    item = blob(tmp_path, b"hello")
    server.store(key(item.oid), b"hello")
    server.odd["HEAD"] = lambda request, answer: answer.without("Last-Modified")
    found = S3Inventory(remote_of(server)).look([item.oid])
    assert found == {item.oid: Seen(5, item.oid, None)}


# What a server refuses, or does not have


def some(server: OddS3, folder: Path, count: int) -> list[Blob]:
    items = [blob(folder, b"%d" % number) for number in range(count)]
    for item in items:
        server.store(key(item.oid), item.path.read_bytes())
    return sorted(items, key=lambda item: item.oid)


@pytest.mark.parametrize("one_by_one", [False, True])
def test_a_key_that_is_not_removed_keeps_no_other(server: OddS3, tmp_path: Path, one_by_one: bool) -> None:
    """DeleteObjects judges each key for itself (API_DeleteObjects)."""
    first, kept, gone, last = some(server, tmp_path, 4)

    def refuse(request: Request, answer: Answer) -> Answer:
        server.store(key(kept.oid), b"kept")
        codes = ((kept.oid, "AccessDenied"), (gone.oid, "NoSuchKey"))
        rows = "".join(f"<Error><Key>{key(o)}</Key><Code>{c}</Code><Message>no</Message></Error>" for o, c in codes)
        return replace(answer, body=f"<DeleteResult>{rows}</DeleteResult>".encode())

    def deny(request: Request, answer: Answer) -> Answer | bytes:
        if request.key != key(kept.oid):
            return answer
        server.store(request.key, b"kept")
        return error(403, "AccessDenied")(request, answer)

    server.odd["REMOVE"] = error(501, "NotImplemented") if one_by_one else refuse
    server.odd["DELETE"] = deny
    with pytest.raises(RemoteError, match=rf"{key(kept.oid)} cannot be removed \(AccessDenied"):
        S3Inventory(remote_of(server)).remove([item.oid for item in (first, kept, gone, last)])
    assert set(server.objects) == {key(kept.oid)}


def test_the_files_of_a_directory_object_that_stays_are_not_removed(server: OddS3, tmp_path: Path) -> None:
    item, folder = blob(tmp_path, b"hello"), f"{'0' * 32}.dir"
    for oid in (item.oid, folder):
        server.store(key(oid), b"x")
    server.odd["REMOVE"] = error(501, "NotImplemented")
    server.odd["DELETE"] = error(403, "AccessDenied")
    with pytest.raises(RemoteError, match=f"{key(folder)} cannot be removed"):
        S3Inventory(remote_of(server)).remove([item.oid, folder])
    assert server.seen["DELETE"] == 1


OLDER: list[tuple[str, Odd]] = [
    ("refuses it", error(501, "NotImplemented")),
    ("calls it not allowed", error(405, "MethodNotAllowed")),
    ("answers the older one", lambda r, a: Answer(200, a.body[: a.body.find(b"<NextC")] + b"</ListBucketResult>")),
]


@pytest.mark.compatibility("Remotes", "S3 servers that lack some of S3's operations")
@pytest.mark.parametrize(("what", "odd"), OLDER, ids=[what for what, _ in OLDER])
def test_a_server_without_the_newer_listing(server: OddS3, tmp_path: Path, what: str, odd: Odd) -> None:
    items = some(server, tmp_path, 2300)
    whole = odd

    def older(request: Request, answer: Answer) -> Answer | bytes:
        if "list-type" not in request.query:
            return answer
        return answer if b"<NextC" not in answer.body and what == "answers the older one" else whole(request, answer)

    server.odd["LIST"] = older
    assert set(S3Inventory(remote_of(server)).everything()) == {item.oid for item in items}
    wanted = [item.oid for item in items] + ["f" * 32]
    assert remote_of(server).missing(wanted) == {"f" * 32}


@pytest.mark.compatibility("Remotes", "S3 servers that lack some of S3's operations")
def test_a_server_that_cannot_abort_an_upload(
    server: OddS3, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.odd["ABORT"] = error(501, "NotImplemented")
    left = [Leftover(f"upload {number}", f"{key('0' * 32)}\n{number}", 1) for number in range(3)]
    S3Inventory(remote_of(server)).clean(left)
    assert capsys.readouterr().err == (
        f"cpv: warning: s3://bucket/team/files/md5 at {server.url}: 3 unfinished uploads stay "
        "(the server has no AbortMultipartUpload)\n"
    )
    assert server.seen["ABORT"] == 1
