"""A remote on S3 whose way one process learned, and others use."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from cpv_hooks.console.progress import Progress
from cpv_hooks.remote.common.protocol import Blob
from cpv_hooks.remote.s3.s3_remote import S3Remote
from support.seaweed import Server

PROGRESS = Progress("testing")
_USE = """
import json, sys
from pathlib import Path
from cpv_hooks.console.progress import Progress
from cpv_hooks.remote.common.protocol import Blob
from cpv_hooks.remote.s3.s3_remote import S3Remote
url, options, memory, out, blobs = json.loads(sys.argv[1])
remote = S3Remote(url, options, memory=Path(memory))
blobs = [Blob(oid, Path(path), size) for oid, path, size in blobs]
oids = [blob.oid for blob in blobs]
progress = Progress("testing")
absent = remote.missing(oids)
remote.upload([blob for blob in blobs if blob.oid in absent], progress)
left = remote.missing(oids + ["f" * 32], {blob.oid: blob.size for blob in blobs})
for blob in blobs:
    remote.download(blob.oid, Path(out, blob.oid), progress)
boto = [name for name in sys.modules if name.split(".")[0] in ("boto3", "botocore", "urllib3")]
print(json.dumps([len(absent), sorted(left), boto]))
"""


@dataclass
class Place:
    """A remote that holds one object, whose way was learned once."""

    server: Server
    folder: Path
    bucket: str = ""
    options: dict[str, str] = field(default_factory=dict)
    memory: Path = Path()

    def __post_init__(self) -> None:
        self.memory = self.folder / "state" / "s3"
        if not self.bucket:
            self.bucket = self.server.make_bucket()
            self.options = {"endpointurl": self.server.endpoint_url, "region": self.server.region}

    def keys(self) -> dict[str, str]:
        return {"access_key_id": self.server.access_key, "secret_access_key": self.server.secret_key}

    def remote(self, **options: str) -> S3Remote:
        return S3Remote(f"s3://{self.bucket}/team", {**self.options, **options}, memory=self.memory)

    def blob(self, size: int = 100) -> Blob:
        data = os.urandom(size)
        oid = hashlib.md5(data).hexdigest()
        (self.folder / oid).write_bytes(data)
        return Blob(oid, self.folder / oid, size)

    def learn(self, **options: str) -> None:
        remote = self.remote(**options)
        remote.upload([self.blob()], PROGRESS)
        remote.missing(["0" * 32])

    def is_known(self, **options: str) -> bool:
        """Whether a new process would know the way; the remote is never used otherwise."""
        return self.remote(**options)._memory.recall() is not None

    def use(self, *blobs: Blob) -> tuple[int, list[str], list[str]]:
        """Send, look for, and bring objects in a process of its own; returns also what it imported of boto3."""
        out = self.folder / "out"
        out.mkdir(exist_ok=True)
        named = [(blob.oid, str(blob.path), blob.size) for blob in blobs]
        argument = json.dumps([f"s3://{self.bucket}/team", self.options, str(self.memory), str(out), named])
        done = subprocess.run([sys.executable, "-c", _USE, argument], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        for blob in blobs:
            assert (out / blob.oid).read_bytes() == blob.path.read_bytes()
        found = json.loads(done.stdout)
        return found[0], found[1], found[2]
