"""HTTP over a kept connection: what a server may answer, well or badly."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpv_hooks.remote.s3_client import http1
from cpv_hooks.remote.s3_client.http1 import Connection
from cpv_hooks.remote.s3_client.http1_reply import Broken

OK = b"HTTP/1.1 200 OK\r\n"
Answers = Callable[..., list[socket.socket]]


@contextmanager
def answering(patch: pytest.MonkeyPatch) -> Iterator[Answers]:
    """Let each connection that is made be given one of some answers; gives what returns the servers' ends.

    Of several answers for one connection each waits for a request: what comes unasked is no answer.
    """
    ends: list[socket.socket] = []

    def give(*texts: bytes | list[bytes]) -> list[socket.socket]:
        waiting = iter(texts)

        def connect(address: tuple[str, int], timeout: float) -> socket.socket:
            assert address == ("server", 8333)
            ours, theirs = socket.socketpair()
            text = next(waiting)
            if isinstance(text, list):
                threading.Thread(target=serve, args=(theirs, text), daemon=True).start()
            else:
                theirs.sendall(text)
                theirs.shutdown(socket.SHUT_WR)
            ends.append(theirs)
            ours.settimeout(timeout)
            return ours

        def serve(end: socket.socket, texts: list[bytes]) -> None:
            with suppress(OSError):
                for text in texts:
                    end.recv(1 << 16)
                    end.sendall(text)

        patch.setattr(socket, "create_connection", connect)
        # Which only TCP has.
        patch.setattr(http1.socket, "TCP_NODELAY", socket.SO_REUSEADDR)
        patch.setattr(http1.socket, "IPPROTO_TCP", socket.SOL_SOCKET)
        return ends

    yield give
    for end in ends:
        end.close()


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    with answering(monkeypatch) as give:
        yield give


def connection() -> Connection:
    return Connection("server:8333", (5, 5))


def test_a_request_and_its_answer(answers: Answers) -> None:
    ends = answers(OK + b'ETag:  "x" \r\nContent-Length: 5\r\n\r\nhello')
    reply = connection().request("PUT", "/a?b=c", {"host": "server:8333"}, b"body")
    assert (reply.status, reply.headers["etag"], reply.length, reply.read_all()) == (200, '"x"', 5, b"hello")
    sent = ends[0].recv(1000)
    assert sent.startswith(b"PUT /a?b=c HTTP/1.1\r\nhost: server:8333\r\ncontent-length: 4\r\n")
    assert sent.endswith(b"\r\n\r\nbody")


def test_a_long_body_arrives_whole(answers: Answers) -> None:
    ends = answers(OK + b"Content-Length: 0\r\n\r\n")
    body = bytearray(range(256)) * 300
    assert connection().request("PUT", "/", {}, body).read_all() == b""
    sent = b""
    while len(sent) < len(body) or not sent.endswith(body):
        sent += ends[0].recv(1 << 20)
    head, _, content = sent.partition(b"\r\n\r\n")
    assert b"content-length: 76800" in head
    assert content == body


def test_a_connection_is_kept(answers: Answers) -> None:
    answer = OK + b"Content-Length: 1\r\n\r\n"
    ends = answers([answer + b"a", answer + b"b"])
    kept = connection()
    assert [kept.request("GET", "/", {}).read_all() for _ in range(2)] == [b"a", b"b"]
    assert len(ends) == 1


@pytest.mark.parametrize("unasked", [OK + b"Content-Length: 1\r\n\r\nx", b"x"])
def test_what_nobody_asked_for_is_no_answer(answers: Answers, unasked: bytes) -> None:
    ends = answers(OK + b"Content-Length: 1\r\n\r\na" + unasked, OK + b"Content-Length: 1\r\n\r\nb")
    kept = connection()
    assert [kept.request("GET", "/", {}).read_all() for _ in range(2)] == [b"a", b"b"]
    assert len(ends) == 2


@pytest.mark.parametrize(
    "last",
    [
        OK + b"Connection: Keep-Alive , Close\r\nContent-Length: 1\r\n\r\na",
        OK + b"Connection: close\r\nContent-Length: 1\r\n\r\na",
        b"HTTP/1.0 200 OK\r\n\r\na",
    ],
)
def test_a_connection_that_the_server_ends_is_made_anew(answers: Answers, last: bytes) -> None:
    ends = answers(last, last)
    kept = connection()
    assert [kept.request("GET", "/", {}).read_all() for _ in range(2)] == [b"a", b"a"]
    assert len(ends) == 2


@pytest.mark.parametrize("body", [b"", b"hello"])
def test_the_end_of_a_connection_is_the_end_of_its_body(answers: Answers, body: bytes) -> None:
    answers(OK + b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    reply, found = connection().request("GET", "/", {}), b""
    while chunk := reply.read(3):
        found += chunk
    assert found == body
    assert reply.read_all() == b""


def test_what_is_not_read_is_not_taken_for_the_next_answer(answers: Answers) -> None:
    ends = answers(OK + b"Content-Length: 100\r\n\r\n" + b"x" * 100, OK + b"Content-Length: 1\r\n\r\ny")
    kept = connection()
    assert kept.request("GET", "/", {}).read(10) == b"x" * 10
    assert kept.request("GET", "/", {}).read_all() == b"y"
    assert len(ends) == 2


def test_chunks(answers: Answers) -> None:
    chunks = b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n"
    ends = answers([OK + chunks, OK + b"Content-Length: 0\r\n\r\n"])
    kept = connection()
    reply = kept.request("GET", "/", {})
    assert reply.length is None
    assert reply.read_all() == b"hello!"
    assert kept.request("HEAD", "/", {}).status == 200
    assert len(ends) == 1


@pytest.mark.parametrize(
    "head", [OK + b"Content-Length: 7\r\n\r\n", b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n"]
)
def test_a_head_has_no_body(answers: Answers, head: bytes) -> None:
    ends = answers([head, head])
    kept = connection()
    assert [kept.request("HEAD", "/", {}).read_all() for _ in range(2)] == [b"", b""]
    assert len(ends) == 1


def test_an_answer_before_the_answer(answers: Answers) -> None:
    answers(b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\na")
    assert connection().request("PUT", "/", {}, b"x").read_all() == b"a"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        OK + b"Content-Length: 5\r\n",
        OK + b"Content-Length: 5\r\n\r\nhell",
        OK + b"Content-Length: -5\r\n\r\n",
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        OK + b"Content-Length: 1, 2\r\n\r\nab",
        OK + b"Content-Length: 9007199254740993\r\n\r\n",
        OK + b"Content-Length: 9007199254740992\r\n\r\nab",
        OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n00000000000000001\r\na\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\na",
        OK + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n",
        OK + b"Content-Length : 1\r\n\r\na",
        OK + (b"X: " + b"y" * 50_000 + b"\r\n") * 3 + b"\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 9 + OK + b"Content-Length: 1\r\n\r\na",
        b"HTTP/2.0 200 OK\r\nContent-Length: 1\r\n\r\na",
        OK + b"X: y\r\n" * 300,
        OK + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        OK + b"Transfer-Encoding: chunked\r\n\r\nfive\r\nhello\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello",
    ],
)
def test_what_is_no_whole_answer(answers: Answers, answer: bytes) -> None:
    answers(answer)
    with pytest.raises(Broken):
        connection().request("GET", "/", {}).read_all()


def test_a_header_is_one_line() -> None:
    with pytest.raises(Broken, match="line break"):
        connection().request("GET", "/", {"x": "y\r\nz: a"})


def test_a_length_that_is_said_twice_is_one(answers: Answers) -> None:
    answers(OK + b"Content-Length: 2, 2\r\nContent-Length: 2\r\n\r\nab")
    assert connection().request("GET", "/", {}).read_all() == b"ab"


def test_a_length_takes_no_memory_before_the_bytes_come(answers: Answers) -> None:
    answers(OK + b"Content-Length: 9007199254740992\r\n\r\nab")
    reply = connection().request("GET", "/", {})
    assert reply.length == 1 << 53
    with pytest.raises(Broken, match="ended within the answer"):
        reply.read(1 << 53)


@settings(max_examples=300)
@given(tail=st.binary(max_size=200), begin=st.sampled_from([b"", OK, OK + b"Transfer-Encoding: chunked\r\n\r\n"]))
def test_any_bytes(begin: bytes, tail: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch, answering(patch) as give:
        give(begin + tail)
        try:
            data = connection().request("GET", "/", {}).read_all()
        except OSError:
            return
        assert len(data) <= len(tail)
