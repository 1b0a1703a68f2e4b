"""Users of the S3 server that may do only what a policy says."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from support.seaweed import Server

PATIENCE = 30.0  # seconds until the server must know a new user


@dataclass(frozen=True)
class Identity:
    """A user's keys."""

    access_key: str
    secret_key: str

    def file(self, profile: str = "default") -> str:
        """The text of a credential file."""
        return f"[{profile}]\naws_access_key_id = {self.access_key}\naws_secret_access_key = {self.secret_key}\n"


def limited(server: Server, policy: Mapping[str, Any]) -> Identity:
    """A new user with this policy and no other rights."""
    iam = _client(server, "iam", server.access_key, server.secret_key)
    name = f"user-{uuid.uuid4().hex[:10]}"
    iam.create_user(UserName=name)
    made = iam.create_policy(PolicyName=f"{name}-policy", PolicyDocument=json.dumps(policy))
    iam.attach_user_policy(UserName=name, PolicyArn=made["Policy"]["Arn"])
    key = iam.create_access_key(UserName=name)["AccessKey"]
    identity = Identity(key["AccessKeyId"], key["SecretAccessKey"])
    _await_known(server, identity)
    return identity


def allowing(bucket: str, prefix: str, *actions: str) -> dict[str, Any]:
    """A policy that allows these actions below a prefix, and nothing else."""
    arn = f"arn:aws:s3:::{bucket}"
    on_objects = [action for action in actions if action != "s3:ListBucket"]
    statements: list[dict[str, Any]] = []
    if on_objects:
        statements.append({"Effect": "Allow", "Action": on_objects, "Resource": f"{arn}/{prefix}/*"})
    if "s3:ListBucket" in actions:
        statements.append({"Effect": "Allow", "Action": "s3:ListBucket", "Resource": arn})
    return {"Version": "2012-10-17", "Statement": statements}


def _client(server: Server, service: str, access_key: str, secret_key: str) -> Any:
    import boto3

    return boto3.client(
        service,
        endpoint_url=server.endpoint_url,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name=server.region,
    )


def _await_known(server: Server, identity: Identity) -> None:
    """The server takes a moment to learn of a user: until then it calls the key unknown."""
    from botocore.exceptions import ClientError

    client = _client(server, "s3", identity.access_key, identity.secret_key)
    end = time.monotonic() + PATIENCE
    while True:
        try:
            client.get_object(Bucket="nobodys-bucket", Key="x")
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidAccessKeyId":
                return
        assert time.monotonic() < end, "the server never came to know the user"
        time.sleep(0.05)
