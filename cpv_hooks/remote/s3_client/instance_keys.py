"""The keys of a machine's role (EC2), asked for as IMDSv2 has it.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime

from cpv_hooks.remote.s3_client.key_requests import Session, answer_to, session_of

_V4, _V6 = "http://169.254.169.254", "http://[fd00:ec2::254]"
_ROLES = "latest/meta-data/iam/security-credentials/"


def ask(settings: Mapping[str, str]) -> Session:
    """The keys, for a profile's settings; one of `FAILURES` where they are not to be had in this way."""
    base = _base(settings)
    token = answer_to("PUT", f"{base}/latest/api/token", {"x-aws-ec2-metadata-token-ttl-seconds": "21600"}).decode()
    headers = {"x-aws-ec2-metadata-token": token}
    role = answer_to("GET", f"{base}/{_ROLES}", headers).decode()
    found = json.loads(answer_to("GET", f"{base}/{_ROLES}{role}", headers))
    ends = datetime.fromisoformat(found["Expiration"])
    return session_of(found["AccessKeyId"], found["SecretAccessKey"], found["Token"], ends)


def _base(settings: Mapping[str, str]) -> str:
    def said(name: str) -> str:
        return os.environ.get(f"AWS_{name.upper()}", settings.get(name, ""))

    if found := said("ec2_metadata_service_endpoint"):
        return found.rstrip("/")
    mode = said("ec2_metadata_service_endpoint_mode") or ("ipv6" if said("imds_use_ipv6").lower() == "true" else "")
    return _V6 if mode.lower() == "ipv6" else _V4
