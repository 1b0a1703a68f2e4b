"""Where AWS keys come from, as far as the settings show it, and so which command renews them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cpv_hooks.errors import shell_word
from cpv_hooks.remote.s3_client.aws_profiles import Profiles

if TYPE_CHECKING:
    from cpv_hooks.remote.s3_client.s3_options import S3Options


_ROLES = 8
"""Roles that are lent to each other; more of them are a circle."""


def renewal(options: S3Options) -> str:
    """The command for a session that has expired: botocore looks in this order."""
    name = options.profile or "default"
    profile = f" --profile {shell_word(options.profile)}" if options.profile else ""
    if options.get("session_token") and options.command is None:
        more = "and its access_key_id and secret_access_key"
        return f"dvc remote modify --local {shell_word(options.name)} session_token TOKEN ({more})"
    if not options.get("profile") and os.environ.get("AWS_SESSION_TOKEN"):
        return "export the new AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
    profiles = Profiles(options)
    settings = profiles.settings(name)
    # Who is lent a role renews the keys that it is lent to.
    for _ in range(_ROLES):
        if not (source := settings.get("source_profile")) or source == name:
            break
        name, profile, settings = source, f" --profile {shell_word(source)}", profiles.settings(source)
    if "sso_session" in settings or "sso_start_url" in settings:
        return f"aws sso login{profile}"
    if {"aws_session_token", "aws_security_token"} & profiles.keys(name).keys():
        return f"put the new keys and aws_session_token of profile {name} into {options.credentials_file}"
    if "login_session" in settings:
        return f"aws login{profile}"
    if "credential_process" in settings:
        return f"sign in again where the credential_process of profile {name} gets its keys"
    if token := os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE") or settings.get("web_identity_token_file"):
        return f"put a new token into {shell_word(token)}"
    return f"aws sso login{profile} (or put fresh keys where the old ones are)"
