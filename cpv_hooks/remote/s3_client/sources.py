"""Where AWS keys come from, as far as the settings show it, and so which command renews them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cpv_hooks.errors import shell_word

if TYPE_CHECKING:
    from cpv_hooks.remote.s3_client.s3_options import S3Options


def renewal(options: S3Options) -> str:
    """The command for a session that has expired: botocore looks in this order."""
    name = options.profile or "default"
    profile = f" --profile {shell_word(options.profile)}" if options.profile else ""
    if options.get("session_token") and options.command is None:
        more = "and its access_key_id and secret_access_key"
        return f"dvc remote modify --local {shell_word(options.name)} session_token TOKEN ({more})"
    if not options.get("profile") and os.environ.get("AWS_SESSION_TOKEN"):
        return "export the new AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
    settings = _section(options.config_file, name if name == "default" else f"profile {name}")
    if "sso_session" in settings or "sso_start_url" in settings:
        return f"aws sso login{profile}"
    if {"aws_session_token", "aws_security_token"} & _section(options.credentials_file, name).keys():
        return f"put the new keys and aws_session_token of profile {name} into {options.credentials_file}"
    if "login_session" in settings:
        return f"aws login{profile}"
    if "credential_process" in settings:
        return f"sign in again where the credential_process of profile {name} gets its keys"
    return f"aws sso login{profile} (or put fresh keys where the old ones are)"


def _section(path: Path, name: str) -> Mapping[str, str]:
    from configparser import Error, RawConfigParser

    parser = RawConfigParser()
    try:
        parser.read(path)
        return dict(parser[name])
    except (Error, OSError, ValueError, KeyError):
        return {}
