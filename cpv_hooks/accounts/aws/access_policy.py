"""The least that a team needs on S3, as an IAM policy; printed, never applied.

What CPV and DVC ask of S3: listings below the team's prefix, whole objects and their parts up and down, and the removal
of CPV's own probe objects. Checkpoints are not removed by either, so the policy does not allow it; `dvc gc --cloud`
needs `gc`. The format is https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html.
"""

from __future__ import annotations

import re
from typing import Any

from cpv_hooks.accounts.aws.probe import NAME as PROBE
from cpv_hooks.errors import CPVError
from cpv_hooks.project.names import check_name

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, and what older buckets and other
# servers allow; nothing that means something in a policy (`*`, `?`, `$`).
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_READ = ["s3:GetObject", "s3:GetObjectVersion"]
_WRITE = ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"]


def check_bucket(bucket: str) -> str:
    """Refuse what cannot be a bucket's name."""
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        what = f"{bucket!r} is not a bucket's name (3 to 255 letters, digits, '.', '_' or '-')"
        raise CPVError(what, fix="give it as --bucket NAME")
    return bucket


def policy(bucket: str, team: str, *, read_only: bool = False, gc: bool = False) -> dict[str, Any]:
    """The policy for a team's prefix: all that CPV does there, or with `read_only` what a clone and a checkout need.

    With `gc` it may remove objects too. Raises `CPVError` for a name that cannot be one.
    """
    arn = f"arn:aws:s3:::{check_bucket(bucket)}"
    check_name("team", team)
    statements = [_list(arn, team), _allow("Read", _READ, f"{arn}/{team}/*")]
    if not read_only:
        removable = f"{arn}/{team}/*" if gc else [f"{arn}/{team}/{PROBE}*", f"{arn}/{team}/*/{PROBE}*"]
        statements += [
            _allow("Write", _WRITE, f"{arn}/{team}/*"),
            _allow("Remove" if gc else "RemoveProbes", ["s3:DeleteObject"], removable),
        ]
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(name: str, actions: list[str], resource: str | list[str]) -> dict[str, Any]:
    return {"Sid": name, "Effect": "Allow", "Action": actions, "Resource": resource}


def _list(arn: str, team: str) -> dict[str, Any]:
    """Listing is a right to the bucket, so it is the condition that keeps it to the prefix."""
    statement = _allow("List", ["s3:ListBucket", "s3:ListBucketVersions"], arn)
    return {**statement, "Condition": {"StringLike": {"s3:prefix": [team, f"{team}/*"]}}}
