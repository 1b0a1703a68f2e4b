"""AWS keys from where boto3 found them, without its start: by its own names, in its own order.

What is not plain is left to boto3: an MFA code to ask for, a login to renew, an answer with an error.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cpv_hooks.console.redact import hide
from cpv_hooks.remote.s3_client import lent_keys, role_keys
from cpv_hooks.remote.s3_client.aws_profiles import Profiles
from cpv_hooks.remote.s3_client.key_requests import FAILURES, Service, Session
from cpv_hooks.remote.s3_client.request_signing import Keys

if TYPE_CHECKING:
    from cpv_hooks.remote.s3_client.s3_options import S3Options

STATIC = frozenset({"explicit", "env", "shared-credentials-file", "config-file"})
"""botocore's names for where keys lie that hold until somebody changes them."""
LENT = frozenset(
    {"assume-role", "assume-role-with-web-identity", "container-role", "custom-process", "iam-role", "sso"}
)
"""And for who lends keys."""
_NEW, _HELD = 600.0, 900.0
"""Seconds that lent keys must hold still to be taken, and to be used again without asking: boto3's own bounds."""


class KeySources:
    """The keys for one remote. `services` are those that boto3 was seen to ask."""

    def __init__(self, options: S3Options) -> None:
        self._options = options
        self._lent: Session | None = None

    def find(self, method: str, services: Mapping[str, Service]) -> Keys | None:
        """The keys of botocore's `method`; None where boto3 has to be asked."""
        try:
            if method in STATIC:
                return self._static(method)
            if method not in LENT:
                return None
            if self._lent is None or not self._lent.holds_for(_HELD):
                self._lent = _Asking(self._options, services).of(method)
                hide(self._lent.keys.secret_key)
                hide(self._lent.keys.token)
            return self._lent.keys if self._lent.holds_for(_NEW) else None
        except (*FAILURES, RecursionError):
            return None

    def _static(self, method: str) -> Keys | None:
        options = self._options
        if method == "explicit":
            return _keys(*(options.get(name) for name in ("access_key_id", "secret_access_key", "session_token")))
        if method == "env":
            return _of_environment()
        name = options.profile or "default"
        profiles = Profiles(options)
        return _of_section(profiles.keys(name) if method == "shared-credentials-file" else profiles.settings(name))


class _Asking:
    """One look for keys that are lent; all methods raise one of `FAILURES`."""

    def __init__(self, options: S3Options, services: Mapping[str, Service]) -> None:
        self._profiles = Profiles(options)
        self._services = services
        self._name = options.profile or "default"
        # A profile that the remote names wins over variables (`botocore.credentials.create_credential_resolver`).
        self._has_variables = options.get("profile") is None

    def of(self, method: str) -> Session:
        """The keys of the remote's own profile."""
        name = self._name
        profile = self._profiles.merged(name)
        if method == "container-role":
            return lent_keys.of_container()
        if method == "iam-role":
            return lent_keys.of_machine(profile)
        if method == "assume-role":
            return self._assumed(name)
        if method == "sso":
            return self._of_login(profile)
        if method == "custom-process":
            return lent_keys.of_program(profile["credential_process"])
        return self._of_web_identity(profile, os.environ if self._has_variables else {})

    def _assumed(self, name: str) -> Session:
        profile = self._profiles.merged(name)
        source = profile.get("credential_source")
        session = self._of_source(source.lower()) if source else self._of_profile(profile["source_profile"])
        return role_keys.assumed(self._services["sts"], profile, session.keys)

    def _of_source(self, source: str) -> Session:
        if source == "ec2instancemetadata":
            return lent_keys.of_machine(self._profiles.merged(self._name))
        if source == "ecscontainer":
            return lent_keys.of_container()
        if source == "environment":
            return _for_good(_of_environment())
        raise ValueError("another source")

    def _of_profile(self, name: str) -> Session:
        """The keys of a profile that another one names, in botocore's order of looking."""
        profile = self._profiles.merged(name)
        is_static = "aws_access_key_id" in profile or "aws_secret_access_key" in profile
        if "web_identity_token_file" in profile:
            return self._of_web_identity(profile, {})
        if "role_arn" in profile and not is_static:
            return self._assumed(name)
        if "sso_role_name" in profile or "sso_account_id" in profile:
            return self._of_login(profile)
        if keys := _of_section(self._profiles.keys(name)):
            return _for_good(keys)
        if "credential_process" in profile and "login_session" not in profile:
            return lent_keys.of_program(profile["credential_process"])
        return _for_good(_of_section(self._profiles.settings(name)))

    def _of_login(self, profile: Mapping[str, str]) -> Session:
        shared = self._profiles.sso_session(profile.get("sso_session", ""))
        return lent_keys.of_login(self._services["sso"], {**profile, **shared})

    def _of_web_identity(self, profile: Mapping[str, str], environment: Mapping[str, str]) -> Session:
        def said(name: str) -> str | None:
            return environment.get(f"AWS_{name.removeprefix('aws_').upper()}", profile.get(name))

        role, file = said("role_arn"), said("web_identity_token_file")
        if not role or not file:
            raise ValueError("no role, or no token")
        return role_keys.of_web_identity(self._services["sts"], role, said("role_session_name"), file)


def _of_environment() -> Keys | None:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    return _keys(*(os.environ.get(name) for name in names))


def _of_section(values: Mapping[str, str]) -> Keys | None:
    token = values.get("aws_security_token", values.get("aws_session_token"))
    return _keys(values.get("aws_access_key_id"), values.get("aws_secret_access_key"), token)


def _keys(access: str | None, secret: str | None, token: str | None) -> Keys | None:
    return Keys(access, secret, token or None) if access and secret else None


def _for_good(keys: Keys | None) -> Session:
    if keys is None:
        raise ValueError("no keys")
    return Session(keys, None)
