"""Servers of other kinds of remotes, each of its own maker, on loopback addresses."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

READY_SECONDS = 60
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's own, as https://learn.microsoft.com/azure/storage/common/storage-use-azurite says it."""


class Place(NamedTuple):
    """A remote's URL, its options, and the variables with which its libraries find the server."""

    url: str
    options: Mapping[str, str]
    environment: Mapping[str, str]


@contextmanager
def ssh(folder: Path) -> Iterator[Place]:
    """asyncssh's SFTP server."""
    import asyncssh

    class Anybody(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return False

    (folder / "store").mkdir()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def listen() -> Any:
        key = asyncssh.generate_private_key("ssh-ed25519")
        return await asyncssh.listen("127.0.0.1", 0, server_factory=Anybody, server_host_keys=[key], sftp_factory=True)

    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(READY_SECONDS)
    try:
        port = server.sockets[0].getsockname()[1]
        yield Place(f"ssh://ada@127.0.0.1:{port}{folder}/store", {"password": "none"}, {})
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(READY_SECONDS)


@contextmanager
def webdav(folder: Path) -> Iterator[Place]:
    """WsgiDAV, on cheroot."""
    (folder / "store" / "team").mkdir(parents=True)
    port = _free_port()
    script = f"""
from cheroot import wsgi
from wsgidav.wsgidav_app import WsgiDAVApp
app = WsgiDAVApp({{"provider_mapping": {{"/": {str(folder / "store")!r}}}, "verbose": 1, "logging": {{"enable": False}},
    "http_authenticator": {{"domain_controller": None}},
    "simple_dc": {{"user_mapping": {{"*": {{"ada": {{"password": "secret-word"}}}}}}}}}})
wsgi.Server(("127.0.0.1", {port}), app).start()
"""
    with _running([sys.executable, "-c", script], port):
        options = {"user": "ada", "password": "secret-word"}
        yield Place(f"webdav://127.0.0.1:{port}/team", options, {})


@contextmanager
def google(folder: Path) -> Iterator[Place]:
    """gcp-storage-emulator."""
    port = _free_port()
    words = ["start", "--host=127.0.0.1", f"--port={port}", "--in-memory", "--default-bucket=models"]
    environment = {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}"}
    with _running([str(Path(sys.executable).with_name("gcp-storage-emulator")), *words], port):
        yield Place("gs://models/team", {}, environment)


@contextmanager
def azure(folder: Path) -> Iterator[Place]:
    """Azurite, from npm."""
    port = _free_port()
    words = ["--blobPort", str(port), "--location", str(folder), "--silent", "--skipApiVersionCheck"]
    connection = (
        f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={AZURE_KEY};"
        f"BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1;"
    )
    with _running(["azurite-blob", *words], port):
        from azure.storage.blob import BlobServiceClient

        BlobServiceClient.from_connection_string(connection).create_container("models")
        yield Place("azure://models/team", {"connection_string": connection}, {})


@contextmanager
def moto(folder: Path) -> Iterator[Place]:
    """moto's S3."""
    import boto3

    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    with _running([str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)], port):
        keys = {"access_key_id": "somebody", "secret_access_key": "secret-word"}
        client = boto3.client(
            "s3", endpoint_url=url, region_name="us-east-1", **{f"aws_{name}": value for name, value in keys.items()}
        )
        client.create_bucket(Bucket="models")
        yield Place("s3://models/team", {"endpointurl": url, "region": "us-east-1", **keys}, {})


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(lambda: socket.create_connection(("127.0.0.1", port), 1).close(), process)
        yield
    finally:
        process.terminate()
        process.wait(READY_SECONDS)


def _await(connect: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"{process.args} ended with {process.returncode}"
        try:
            connect()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"{process.args} does not listen")
