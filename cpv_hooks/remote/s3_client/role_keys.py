"""The keys of a role that STS lends, to other keys or to a token of a web identity.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html, API_AssumeRoleWithWebIdentity.html
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from cpv_hooks.remote.s3_client.answers import root_of
from cpv_hooks.remote.s3_client.key_requests import FAR, Service, Session, answer_to, session_of
from cpv_hooks.remote.s3_client.request_signing import Keys, Request, host_of, signed

_VERSION = "2011-06-15"
_FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


def assumed(sts: Service, profile: Mapping[str, str], keys: Keys) -> Session:
    """The keys of a profile's role, for these keys. Raises one of `FAILURES`."""
    if "mfa_serial" in profile:
        raise ValueError("boto3 asks for the code")
    terms = {"RoleArn": profile["role_arn"], "RoleSessionName": _name(profile.get("role_session_name"))}
    if "external_id" in profile:
        terms["ExternalId"] = profile["external_id"]
    if "duration_seconds" in profile:
        terms["DurationSeconds"] = str(int(profile["duration_seconds"]))
    body = _body("AssumeRole", terms)
    path = urlsplit(sts.url).path or "/"
    request = Request("POST", path, "", {**_FORM, "host": host_of(sts.url)}, hashlib.sha256(body).hexdigest())
    return _asked(sts, signed(request, keys, sts.region, "sts"), body)


def of_web_identity(sts: Service, role: str, name: str | None, token_file: str) -> Session:
    """The keys of a role, for the token in a file. Raises one of `FAILURES`."""
    token = Path(token_file).read_text()
    terms = {"RoleArn": role, "RoleSessionName": _name(name), "WebIdentityToken": token}
    return _asked(sts, _FORM, _body("AssumeRoleWithWebIdentity", terms))


def _name(said: str | None) -> str:
    return said or f"botocore-session-{int(time.time())}"


def _body(action: str, terms: Mapping[str, str]) -> bytes:
    return urlencode({"Action": action, "Version": _VERSION, **terms}).encode()


def _asked(sts: Service, headers: dict[str, str], body: bytes) -> Session:
    found = root_of(answer_to("POST", sts.url, headers, body, trust=sts.trust, seconds=FAR))
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
    access, secret, token, ends = (found.findtext(f".//{{*}}Credentials/{{*}}{name}") for name in names)
    return session_of(access, secret, token, datetime.fromisoformat(ends))
