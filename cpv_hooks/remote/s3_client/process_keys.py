"""The keys that a program of the user's prints, one that AWS's own settings name.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
"""

from __future__ import annotations

import json
import shlex
import subprocess
from datetime import datetime

from cpv_hooks.remote.s3_client.key_requests import Session, session_of


def ask(command: str) -> Session:
    """The keys. Raises one of `FAILURES`."""
    done = subprocess.run(shlex.split(command), capture_output=True, check=False)
    found = json.loads(done.stdout)
    if done.returncode or found["Version"] != 1:
        raise ValueError("boto3 says what is wrong")
    ends = found.get("Expiration")
    until = None if ends is None else datetime.fromisoformat(ends)
    return session_of(found["AccessKeyId"], found["SecretAccessKey"], found.get("SessionToken"), until)
