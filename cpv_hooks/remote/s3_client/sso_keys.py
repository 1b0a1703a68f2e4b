"""The keys of a role that `aws sso login` opened: its token lies where AWS's own tools keep it.

https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

from cpv_hooks.remote.s3_client.key_requests import FAR, Service, Session, answer_to, session_of

_EARLY = timedelta(minutes=15)
"""boto3 renews the token that long before it ends."""


def ask(portal: Service, profile: Mapping[str, str]) -> Session:
    """The keys of a profile's role. Raises one of `FAILURES`."""
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
