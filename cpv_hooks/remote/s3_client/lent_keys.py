"""The keys that somebody lends for a while, asked for without botocore: a program of the user's, a container's or a
machine's service, the portal of a login (`role_keys` has those of a role). All raise one of `FAILURES`.

https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import shlex
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from cpv_hooks.remote.s3_client.key_requests import FAR, Service, Session, answer_to, session_of

SECRETS = frozenset({"AWS_CONTAINER_AUTHORIZATION_TOKEN"})
"""Variables that say what nobody may know."""
_RELATIVE, _FULL = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"
_TOKEN, _TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
_HOST = "169.254.170.2"
_HOSTS = frozenset({_HOST, "169.254.170.23", "fd00:ec2::23", "localhost"})
_V4, _V6 = "http://169.254.169.254", "http://[fd00:ec2::254]"
_ROLES = "latest/meta-data/iam/security-credentials/"
_EARLY = timedelta(minutes=15)
"""boto3 renews the token of a login that long before it ends."""


def of_program(command: str) -> Session:
    """Those that a program prints, one that AWS's own settings name (`credential_process`)."""
    done = subprocess.run(shlex.split(command), capture_output=True, check=False)
    found = json.loads(done.stdout)
    if done.returncode or found["Version"] != 1:
        raise ValueError("boto3 says what is wrong")
    ends = found.get("Expiration")
    until = None if ends is None else datetime.fromisoformat(ends)
    return session_of(found["AccessKeyId"], found["SecretAccessKey"], found.get("SessionToken"), until)


def of_container() -> Session:
    """Those of a container's role (ECS, EKS Pod Identity, SageMaker), as botocore's ContainerProvider asks for them."""
    relative = os.environ.get(_RELATIVE)
    url = os.environ.get(_FULL, "") if relative is None else f"http://{_HOST}{relative}"
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname is None or not _is_near(parts.hostname):
        raise ValueError("no service of this machine")
    file = os.environ.get(_TOKEN_FILE)
    token = os.environ.get(_TOKEN) if file is None else Path(file).read_text()
    return _lent(url, {"Accept": "application/json", **({} if token is None else {"Authorization": token})})


def _is_near(host: str) -> bool:
    if host in _HOSTS:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def of_machine(settings: Mapping[str, str]) -> Session:
    """Those of a machine's role (EC2), asked for as IMDSv2 has it, for a profile's settings."""
    base = _base(settings)
    token = answer_to("PUT", f"{base}/latest/api/token", {"x-aws-ec2-metadata-token-ttl-seconds": "21600"}).decode()
    headers = {"x-aws-ec2-metadata-token": token}
    role = answer_to("GET", f"{base}/{_ROLES}", headers).decode()
    return _lent(f"{base}/{_ROLES}{role}", headers)


def _base(settings: Mapping[str, str]) -> str:
    def said(name: str) -> str:
        return os.environ.get(f"AWS_{name.upper()}", settings.get(name, ""))

    if found := said("ec2_metadata_service_endpoint"):
        return found.rstrip("/")
    mode = said("ec2_metadata_service_endpoint_mode") or ("ipv6" if said("imds_use_ipv6").lower() == "true" else "")
    return _V6 if mode.lower() == "ipv6" else _V4


def _lent(url: str, headers: dict[str, str]) -> Session:
    found = json.loads(answer_to("GET", url, headers))
    ends = datetime.fromisoformat(found["Expiration"])
    return session_of(found["AccessKeyId"], found["SecretAccessKey"], found["Token"], ends)


def of_login(portal: Service, profile: Mapping[str, str]) -> Session:
    """Those of a role that `aws sso login` opened: its token lies where AWS's own tools keep it."""
    query = urlencode({"role_name": profile["sso_role_name"], "account_id": profile["sso_account_id"]})
    token = _token(profile.get("sso_session") or profile["sso_start_url"])
    url = f"{portal.url}/federation/credentials?{query}"
    data = answer_to("GET", url, {"x-amz-sso_bearer_token": token}, trust=portal.trust, seconds=FAR)
    found = json.loads(data)["roleCredentials"]
    ends = datetime.fromtimestamp(found["expiration"] / 1000, UTC)
    return session_of(found["accessKeyId"], found["secretAccessKey"], found["sessionToken"], ends)


def _token(login: str) -> str:
    name = hashlib.sha1(login.encode(), usedforsecurity=False).hexdigest()
    kept = json.loads((Path.home() / ".aws" / "sso" / "cache" / f"{name}.json").read_bytes())
    if datetime.fromisoformat(kept["expiresAt"]) - datetime.now(UTC) < _EARLY:
        raise ValueError("boto3 renews it")
    return str(kept["accessToken"])
