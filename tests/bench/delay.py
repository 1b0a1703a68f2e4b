"""A proxy that delivers every byte later, as if the server were far away.

python delay.py PORT SECONDS     relays a free port, which it prints, to that one: a round trip takes SECONDS
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

PIECE = 1 << 16
IN_FLIGHT = 1 << 9
"""Pieces of one direction of a connection that are on their way: a window that no transfer here fills."""


async def relay(port: int, round_trip: float) -> None:
    """Serve until the process ends."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(near: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        far, far_out = await asyncio.open_connection("127.0.0.1", port)
        # What opens a connection takes a round trip too.
        for way in (
            _carry(near, far_out, round_trip / 2, first=round_trip),
            _carry(far, near_out, round_trip / 2, first=0.0),
        ):
            task = asyncio.create_task(way)
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=4 * PIECE, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, delay: float, *, first: float) -> None:
    """Pass on what comes, `delay` later; what comes first not before `first` has passed as well."""
    clock = asyncio.get_running_loop().time
    opened = clock() + first
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(IN_FLIGHT)
    delivery = asyncio.create_task(_deliver(waiting, sink))
    data = b"-"
    while data and not delivery.done():
        try:
            data = await source.read(PIECE)
        except OSError:
            data = b""
        await waiting.put((max(clock(), opened) + delay, data))
    await delivery


async def _deliver(waiting: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter) -> None:
    clock = asyncio.get_running_loop().time
    with suppress(OSError):
        while True:
            due, data = await waiting.get()
            await asyncio.sleep(max(0.0, due - clock()))
            if not data:
                break
            sink.write(data)
            await sink.drain()
    sink.close()
    # Who is at work to put something in is let go on, and sees that this has ended.
    while not waiting.empty():
        waiting.get_nowait()


def main(port: str, seconds: str) -> None:
    """Relay."""
    asyncio.run(relay(int(port), float(seconds)))


if __name__ == "__main__":
    main(*sys.argv[1:])
