"""DVC's options of an S3 remote.

Names and precedence are those of `dvc_s3.S3FileSystem`; what is not set is left to boto3's own search.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cpv_hooks.console.redact import hide
from cpv_hooks.dvcformat.remote_url import is_on_s3
from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.project.clone_settings import aws_path
from cpv_hooks.remote.common.protocol import RemoteError

CONNECT_SECONDS, READ_SECONDS = 5, 60
_MOST_SECONDS = 24 * 3600
_KEY_BYTES = 32
_SECRETS = ("secret_access_key", "session_token", "sse_customer_key")
_FLAGS = {"region": "--region", "endpointurl": "--endpoint-url", "url": "--bucket"}
_GRANTS = {
    "acl": "ACL",
    "grant_full_control": "GrantFullControl",
    "grant_read": "GrantRead",
    "grant_read_acp": "GrantReadACP",
    "grant_write_acp": "GrantWriteACP",
}


@dataclass(frozen=True)
class S3Options:
    """The options that CPV uses; `name` is the remote's name in DVC's configuration.

    `command` is the command that they were given to, where they are not yet (or not alone) DVC's.
    """

    name: str
    bucket: str
    prefix: str
    values: Mapping[str, str] = field(repr=False)
    command: str | None = None

    @classmethod
    def of(cls, name: str, url: str, values: Mapping[str, str], *, command: str | None = None) -> S3Options:
        """Read a remote's URL and options; `CPVError` where there is no bucket in it."""
        bucket, _, prefix = (url.partition("://")[2] if is_on_s3(url) else url).partition("/")
        if not bucket:
            raise CPVError(
                f"{url} names no bucket",
                where=f"remote {name}",
                fix=f"dvc remote modify {shell_word(name)} url s3://BUCKET/PATH",
            )
        for secret in _SECRETS:
            hide(values.get(secret))
        return cls(name, bucket, prefix.strip("/"), values, command)

    def get(self, key: str) -> str | None:
        """An option's value, or None where it is not set."""
        return self.values.get(key) or None

    def flag(self, key: str) -> bool | None:
        """A true or false option, or None where it is not set or says something else."""
        return {"true": True, "false": False}.get(self.values.get(key, "").lower())

    @property
    def profile(self) -> str | None:
        """The AWS profile that is used, where one is named."""
        named = (os.environ.get(name) for name in ("AWS_DEFAULT_PROFILE", "AWS_PROFILE"))
        return self.get("profile") or next(filter(None, named), None)

    @property
    def credentials_file(self) -> Path:
        """AWS's file of keys, as boto3 is told of it."""
        return self._aws_file("AWS_SHARED_CREDENTIALS_FILE", "credentialpath", "~/.aws/credentials")

    @property
    def config_file(self) -> Path:
        """AWS's file of settings, as boto3 is told of it."""
        return self._aws_file("AWS_CONFIG_FILE", "configpath", "~/.aws/config")

    def _aws_file(self, variable: str, key: str, default: str) -> Path:
        # As in DVC, the environment's own variables win over the remote's options.
        named = os.environ.get(variable) or self.get(key) or default
        return Path(aws_path(named))

    @property
    def timeouts(self) -> tuple[int, int]:
        """How many seconds it may take to be connected, and then for bytes to come."""
        return self._seconds("connect_timeout", CONNECT_SECONDS), self._seconds("read_timeout", READ_SECONDS)

    def _seconds(self, key: str, default: int) -> int:
        text = self.get(key)
        if text is None:
            return default
        try:
            found = int(text)
        except ValueError:
            found = 0
        if not 0 < found <= _MOST_SECONDS:
            raise self._wrong(f"{key} is {text!r}, not a number of seconds above 0", f"{key} {default}")
        return found

    def _wrong(self, what: str, change: str) -> RemoteError:
        where = "--local " if change.startswith("--local ") else ""
        fix = f"dvc remote modify {where}{shell_word(self.name)} {change.removeprefix(where)}"
        return RemoteError(what, where=f"remote {self.name}", fix=fix)

    @property
    def server(self) -> str:
        named = (os.environ.get(name) for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))
        return self.get("endpointurl") or next(filter(None, named), "AWS")

    @property
    def retry(self) -> str:
        """The command to repeat once something is mended."""
        return self.command or "dvc cpv sync"

    def change(self, key: str, value: str) -> str:
        """The command that gives an option another value."""
        if self.command is None:
            return f"dvc remote modify {shell_word(self.name)} {key} {shell_word(value)}"
        return f"{self.command} {_FLAGS[key]} {shell_word(value)}"

    def change_keys(self, key: str) -> str:
        """What to do about `access_key_id` or `secret_access_key`, wherever they come from."""
        if self.get("access_key_id"):
            value = "ID" if key == "access_key_id" else "KEY"
            return f"dvc remote modify --local {shell_word(self.name)} {key} {shell_word(value)}"
        if path := self.get("credentialpath"):
            return f"correct profile {self.profile or 'default'} in {path}, then {self.retry}"
        if not self.get("profile") and os.environ.get("AWS_ACCESS_KEY_ID"):
            return f"export the right AWS_{key.upper()}, then {self.retry}"
        return f"aws configure{f' --profile {shell_word(self.profile)}' if self.profile else ''}, then {self.retry}"

    def customer_key(self) -> dict[str, Any]:
        """The parameters that every request for an object needs where it is encrypted with the customer's key."""
        key = self.get("sse_customer_key")
        if key is None:
            return {}
        try:
            raw = base64.b64decode(key, validate=True)
        except binascii.Error:
            fix = f"dvc remote modify --local {shell_word(self.name)} sse_customer_key BASE64"
            raise CPVError("sse_customer_key is not base64", where=f"remote {self.name}", fix=fix) from None
        if len(raw) != _KEY_BYTES:
            raise self._wrong(
                f"sse_customer_key has {len(raw)} bytes, not {_KEY_BYTES}", "--local sse_customer_key BASE64"
            )
        return {"SSECustomerKey": raw, "SSECustomerAlgorithm": self.get("sse_customer_algorithm") or "AES256"}

    def storage(self) -> dict[str, Any]:
        """The parameters with which an object is stored: encryption and access."""
        found = {parameter: self.get(key) for key, parameter in _GRANTS.items()}
        found["ServerSideEncryption"] = self.get("sse")
        found["SSEKMSKeyId"] = self.get("sse_kms_key_id")
        return {key: value for key, value in found.items() if value is not None}

    def check(self) -> None:
        """Raises `RemoteError` for options that do not go together."""
        self._check_keys()
        self._check_encryption()
        self._check_trust()

    def _check_keys(self) -> None:
        """boto3 would sign with half a pair, and the server would call the other half wrong."""
        lacking = [key for key in ("access_key_id", "secret_access_key") if self.get(key) is None]
        if len(lacking) == 1:
            raise self._wrong(f"{lacking[0]} is not set", f"--local {lacking[0]} VALUE")
        if lacking and self.get("session_token"):
            what = "session_token is set, but not access_key_id and secret_access_key"
            unset = f"dvc remote modify --local {shell_word(self.name)} --unset session_token"
            raise self._wrong(what, f"--local access_key_id ID (and secret_access_key), or {unset}")

    def _check_encryption(self) -> None:
        if self.get("sse_customer_algorithm") and not self.get("sse_customer_key"):
            raise self._wrong(
                "sse_customer_algorithm is set, but not sse_customer_key", "--local sse_customer_key BASE64"
            )
        if self.get("sse_kms_key_id") and not (self.get("sse") or "").startswith("aws:kms"):
            raise self._wrong("sse_kms_key_id is set, but sse is not aws:kms", "sse aws:kms")
        grants = [("acl", name) for name in _GRANTS if name != "acl"]
        for one, other in (*grants, ("sse_customer_key", "sse")):
            if self.get(one) and self.get(other):
                raise self._wrong(f"{one} and {other} exclude each other", f"--unset {other}")

    def _check_trust(self) -> None:
        path = self.get("ssl_verify")
        if path and self.flag("ssl_verify") is None and not Path(path).exists():
            raise self._wrong(f"ssl_verify is {path}, and there is no such file", "ssl_verify CA_FILE")
