"""An S3 server that is far away: SeaweedFS with TLS of its own, behind a proxy that delivers every byte later.

It speaks HTTP/1.1 alone, as S3 does; left to itself it would offer HTTP/2, which s5cmd takes where it can.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from socket import create_server

from support import seaweed
from support.seaweed import Server


@contextmanager
def far_server(folder: Path, round_trip: float) -> Iterator[Server]:
    """A SeaweedFS of its own, that far away; the environment says so to boto3, DVC and s5cmd."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    extra = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*request, *extra], check=True, capture_output=True)
    with closing(create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    words = (f"-s3.port.https={port}", f"-s3.cert.file={certificate}", f"-s3.key.file={key}")
    (folder / seaweed.OWNER).write_text(str(os.getpid()))
    before = dict(os.environ)
    proxy = None
    os.environ["GODEBUG"] = "http2server=0"
    try:
        near = seaweed.shared_server(folder, *words)
        command = [sys.executable, str(Path(__file__).with_name("delay.py")), str(port), str(round_trip)]
        proxy = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert proxy.stdout is not None
        server = replace(near, endpoint_url=f"https://localhost:{int(proxy.stdout.readline())}")
        os.environ.update({**server.environment(), "AWS_CA_BUNDLE": str(certificate)})
        yield server
    finally:
        if proxy is not None:
            proxy.kill()
            proxy.wait()
        seaweed.stop(folder)
        os.environ.clear()
        os.environ.update(before)
