"""What was learned from boto3, kept for the next process: starting boto3 takes longer than sending a small checkpoint.

The file holds no secret. It holds for as long as all stays the same that boto3 reads to find its way: the remote's
options, the variables of the environment, AWS's own files, boto3 itself. The keys are read each time from where boto3
found them, or asked for where they are lent (`key_sources`). Nothing is kept where a key of the customer's encrypts.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpv_hooks import state_files
from cpv_hooks.remote.s3_client import lent_keys
from cpv_hooks.remote.s3_client.key_requests import Service
from cpv_hooks.remote.s3_client.key_sources import LENT, KeySources
from cpv_hooks.remote.s3_client.learn import services_of
from cpv_hooks.remote.s3_client.request_signing import Pattern, Way
from cpv_hooks.system.atomic_files import write_atomic

if TYPE_CHECKING:
    from cpv_hooks.remote.s3_client.s3_options import S3Options

_OPTIONS = {"access_key_id", "secret_access_key", "session_token", "sse_customer_key"}
_VARIABLES = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} | lent_keys.SECRETS
"""The names of these count, not what they say: keys are read anew, and are no part of what is kept."""
_UNKEPT = ("AWS_SECURITY_TOKEN", "AWS_CREDENTIAL_EXPIRATION")
"""Variables with which boto3 finds keys in ways that are not repeated here."""
_OTHERS = ("HOME", "REQUESTS_CA_BUNDLE")


class Memory:
    """The file in which the way to the objects below `base` is kept; without a path, nothing is."""

    def __init__(self, path: Path | None, options: S3Options, base: str) -> None:
        self._path = path
        self._options = options
        self._base = base
        self._sources = KeySources(options)

    def recall(self) -> Way | None:
        """What was kept, where it still holds and its keys are still there."""
        kept = self._kept()
        try:
            services = {name: Service(*kept["services"][name]) for name in kept["services"]}
            keys = self._sources.find(kept["method"], services)
            if keys is None:
                return None
            return Way(Pattern(**kept["store"]), Pattern(**kept["read"]), keys, kept["trust"])
        except (KeyError, TypeError):
            return None

    def holds(self) -> bool:
        """Whether something is kept that `recall` would find; no service is asked for keys."""
        return self._kept().get("method") in LENT or self.recall() is not None

    def _kept(self) -> dict[str, Any]:
        """What was kept; empty where it does not hold."""
        try:
            kept = state_files.read_json(self._path) if self._path else {}
            return kept if isinstance(kept, dict) and kept["for"] == self._circumstances() else {}
        except (OSError, ValueError, KeyError):
            return {}

    def keep(self, way: Way, credentials: Any) -> None:
        """Keep a way for the next process, if its keys (boto3's `credentials`) can be read again in the same way."""
        if self._path is None or way.store.has_customer_key or way.read.has_customer_key:
            return
        method, circumstances = getattr(credentials, "method", None), self._circumstances()
        if method is None or circumstances is None:
            return
        try:
            services = services_of(credentials)
        except AttributeError:
            return
        found = self._sources.find(method, services)
        if found is None or (found != way.keys and method not in LENT):
            return
        kept = {"for": circumstances, "method": method, "services": services, "trust": way.trust}
        data = json.dumps({**kept, "store": asdict(way.store), "read": asdict(way.read)}).encode()
        with suppress(OSError):
            write_atomic(self._path, data, mode=0o600)

    def forget(self) -> None:
        """Let boto3 be asked the next time."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink()

    def _circumstances(self) -> str | None:
        """A digest of all that boto3's way depends on; None where nothing is kept."""
        environment = os.environ
        if any(name in _UNKEPT or _names_proxy(name) for name, value in environment.items() if value):
            return None
        boto = find_spec("botocore")
        files = [
            self._options.credentials_file,
            self._options.config_file,
            Path(boto.origin) if boto and boto.origin else None,
        ]
        facts = {
            "options": _public(self._options.values, _OPTIONS),
            "place": [self._options.bucket, self._base],
            "environment": _public(
                {name: environment[name] for name in environment if name.startswith("AWS_")}, _VARIABLES
            ),
            "others": [environment.get(name) for name in _OTHERS],
            "files": [_state(path) for path in files if path is not None],
            "python": sys.version,
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _names_proxy(variable: str) -> bool:
    name = variable.lower()
    return name.endswith("_proxy") and name != "no_proxy"


def _public(values: Mapping[str, str], secret: set[str]) -> dict[str, str | bool]:
    return {name: bool(value) if name in secret else value for name, value in values.items()}


def _state(path: Path) -> list[str | int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return [str(path), found.st_ino, found.st_size, found.st_mtime_ns]
