"""The services that lend AWS keys, on a loopback address: IMDS, a container's, STS, and the portal of SSO."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

ENDS = "2100-01-01T00:00:00Z"
_MACHINE = "/latest/meta-data/iam/security-credentials/"
_TOLD = ("x-aws-ec2-metadata-token", "x-aws-ec2-metadata-token-ttl-seconds", "x-amz-sso_bearer_token", "content-type")


@dataclass
class Services:
    """What was asked of them, and which keys they lend: those that they know, by access key."""

    url: str = ""
    secrets: dict[str, str] = field(default_factory=dict)
    lent: tuple[str, str, str] = ("lent", "lent-secret", "lent-token")
    ends: str = ENDS
    asked: list[dict[str, Any]] = field(default_factory=list)
    refuses: bool = False

    def answer(self, request: dict[str, Any]) -> bytes | None:
        access, secret, token = self.lent
        path, terms = request["path"], request["terms"]
        keys = {"AccessKeyId": access, "SecretAccessKey": secret, "Expiration": self.ends}
        if request["method"] == "PUT" and path == "/latest/api/token":
            return b"a-token"
        if path == _MACHINE:
            return b"machine"
        if path in (f"{_MACHINE}machine", "/container"):
            return json.dumps({**keys, "Token": token}).encode()
        if path == "/federation/credentials":
            found = {"accessKeyId": access, "secretAccessKey": secret, "sessionToken": token}
            return json.dumps({"roleCredentials": {**found, "expiration": 4102444800000}}).encode()
        if path == "/" and terms.get("Action", "").startswith("AssumeRole"):
            words = "".join(f"<{name}>{value}</{name}>" for name, value in {**keys, "SessionToken": token}.items())
            name, space = terms["Action"], "https://sts.amazonaws.com/doc/2011-06-15/"
            inner = f"<{name}Result><Credentials>{words}</Credentials></{name}Result>"
            return f'<{name}Response xmlns="{space}">{inner}</{name}Response>'.encode()
        return None


@contextmanager
def aws_services() -> Iterator[Services]:
    """Have them run."""
    services = Services()

    class Handler(_Handler):
        shared = services

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        services.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield services
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    shared: Services

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
        url = urlsplit(self.path)
        terms = dict(parse_qsl(url.query) + parse_qsl(body))
        name = terms.get("RoleSessionName", "")
        if name.startswith("botocore-session-"):
            terms["RoleSessionName"] = re.sub("[0-9]+$", "TIME", name)
        told = {name: self.headers[name] for name in _TOLD if name in self.headers}
        request = {"method": self.command, "path": url.path, "terms": terms, "headers": told}
        if "authorization" in self.headers:
            request["signer"] = self._signer(body)
        self.shared.asked.append(request)
        answer = None if self.shared.refuses else self.shared.answer(request)
        self.send_response(403 if answer is None else 200)
        self.end_headers()
        self.wfile.write(answer or b"")

    do_PUT = do_POST = do_GET

    def _signer(self, body: str) -> str:
        """Who signed the request, for which region; the word of a container has no such form."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        said = self.headers["authorization"]
        found = re.search(r"Credential=([^/]+)/[0-9]+/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([^,]+)", said)
        if found is None:
            return str(said)
        access, region, service, names = found.groups()
        headers = {name: self.headers[name] for name in names.split(";")}
        url = f"{self.shared.url}{self.path}"
        again = AWSRequest(self.command, url, headers=headers, data=body.encode())
        again.context["timestamp"] = self.headers["x-amz-date"]
        auth = SigV4Auth(Credentials(access, self.shared.secrets[access]), service, region)
        signature = auth.signature(auth.string_to_sign(again, auth.canonical_request(again)), again)
        assert said.endswith(f"Signature={signature}")
        return f"{access} {region} {service} {self.headers.get('x-amz-security-token')}"

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""
