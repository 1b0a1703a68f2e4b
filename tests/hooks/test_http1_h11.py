"""HTTP as h11 reads it: what it refuses is refused, and what both take is the same answer with the same body."""

from __future__ import annotations

import io
from typing import Any

import h11
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cpv_hooks.remote.s3_client.http1_reply import Reply

Verdict = tuple[int, bytes] | None
"""Status and body; None where it is no answer."""


def ours(data: bytes, method: str) -> Verdict:
    try:
        reply = Reply(lambda _: None, io.BufferedReader(io.BytesIO(data)), method)
        return reply.status, reply.read_all()
    except OSError:
        return None


def theirs(data: bytes, method: str) -> Verdict:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    connection.send(h11.Request(method=method, target="/", headers=[("host", "server"), ("connection", "close")]))
    connection.send(h11.EndOfMessage())
    status, body = 0, b""
    connection.receive_data(data)
    is_ended = False
    try:
        while True:
            event: Any = connection.next_event()
            if event is h11.NEED_DATA:
                if is_ended:
                    return None
                is_ended = True
                connection.receive_data(b"")
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return status, body
            elif isinstance(event, h11.ConnectionClosed):
                return None
    except h11.RemoteProtocolError:
        return None


BODIES = st.binary(max_size=40)
NAMES = st.sampled_from(["etag", "x-amz-id-2", "Server", "Content-Type", "Connection", "Date"])
VALUES = st.sampled_from(['"abc"', "", "close", "keep-alive, Close", "a b\tc", "\xe9", " padded "])
STATUSES = st.sampled_from(["200 OK", "206 Partial Content", "404 Not Found", "204 No Content", "304", "200", "599 x"])


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """An answer as a server may send it."""
    body = draw(BODIES)
    lines = [f"HTTP/1.{draw(st.sampled_from('0111'))} {draw(STATUSES)}"]
    lines += [f"{name}: {value}" for name, value in draw(st.lists(st.tuples(NAMES, VALUES), max_size=4))]
    framing = draw(st.sampled_from(["length", "lengths", "chunked", "both", "end"]))
    if framing in ("length", "lengths", "both"):
        lines.append(f"Content-Length: {len(body)}")
    if framing == "lengths":
        lines.append(f"content-length: {len(body)}, {draw(st.sampled_from([len(body), len(body) + 1]))}")
    if framing in ("chunked", "both"):
        lines.append(f"Transfer-Encoding: {draw(st.sampled_from(['chunked', 'Chunked']))}")
        body = chunked(body, draw(st.integers(1, 9)), draw(st.sampled_from(["", ";a=b", " ", ";x "])))
    early = b"HTTP/1.1 100 Continue\r\n\r\n" * draw(st.integers(0, 2))
    return early + "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunked(body: bytes, size: int, extension: str) -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    parts = b"".join(b"%x%b\r\n%b\r\n" % (len(piece), extension.encode(), piece) for piece in pieces)
    return parts + b"0\r\n\r\n"


PIECES = [
    b"\r",
    b"\n",
    b"\r\n",
    b" ",
    b"\t",
    b":",
    b",",
    b"0",
    b"f",
    b"-",
    b"\x00",
    b"Content-Length: 1\r\n",
    b"x: y\r\n",
]
PIECES += [b"Transfer-Encoding: gzip\r\n", b" folded\r\n", b";", b"\xff", b"HTTP/1.1 ", b"100"]
MUTATIONS = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 3), st.sampled_from([b"", *PIECES])), max_size=3
)


def mutated(data: bytes, mutations: list[tuple[float, int, bytes]]) -> bytes:
    for place, removed, added in mutations:
        at = int(place * len(data))
        data = data[:at] + added + data[at + removed :]
    return data


@settings(max_examples=400, deadline=None)
@given(data=answers(), method=st.sampled_from(["GET", "HEAD", "PUT"]))
def test_what_servers_send_is_read_as_h11_does(data: bytes, method: str) -> None:
    assert ours(data, method) == theirs(data, method)


@settings(max_examples=1500, deadline=None)
@given(data=answers(), mutations=MUTATIONS, method=st.sampled_from(["GET", "HEAD"]))
@example(data=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n", mutations=[], method="GET")
@example(data=b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", mutations=[], method="GET")
@example(data=b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na", mutations=[], method="GET")
@example(data=b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\na", mutations=[], method="GET")
def test_what_nobody_should_send_is_judged_as_h11_does(
    data: bytes, mutations: list[tuple[float, int, bytes]], method: str
) -> None:
    text = mutated(data, mutations)
    mine, other = ours(text, method), theirs(text, method)
    if mine is None and other is not None:
        assert is_stricter(text, other[0])
    else:
        assert mine == other


def is_stricter(text: bytes, status: int) -> bool:
    """What h11 takes and S3 never sends: another version of HTTP, or a status that is none."""
    return status >= 1000 or not all(
        line[:9] in (b"HTTP/1.1 ", b"HTTP/1.0 ") for line in text.split(b"\n") if line.startswith(b"HTTP/")
    )
