"""Which AWS credentials are used: a file that the user names, or whatever boto3 finds by itself.

CPV remembers where they are (the file's path, the profile's name) and never what they are. The file's format is
botocore's (https://docs.aws.amazon.com/cli/v1/userguide/cli-configure-files.html).
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cpv_hooks.errors import CPVError, one_line, shell_path, shell_word
from cpv_hooks.named_tuple import NamedTuple

COMMAND = "dvc cpv aws-config"
DEFAULT_PROFILE = "default"
PROMPT = "AWS credential file: "
_KEYS = ("aws_access_key_id", "aws_secret_access_key")
# A profile with one of these gets its keys from elsewhere when they are needed.
_SOURCES = (
    "credential_process",
    "login_session",
    "role_arn",
    "sso_account_id",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
)
_WORDS = {
    "env": "the environment",
    "shared-credentials-file": "AWS's own credential file",
    "config-file": "AWS's own configuration file",
    "sso": "AWS single sign-on",
    "assume-role": "an assumed role",
    "custom-process": "a credential process",
    "iam-role": "this machine's role",
    "container-role": "this container's role",
}


class Credentials(NamedTuple):
    """Where credentials are: in the file `path`, or in one of AWS's own places. `source` says it for people.

    `profile` is None where boto3 chooses. `warning` is one line where the file is open to others.
    """

    path: Path | None
    profile: str | None
    source: str
    warning: str | None = None


def ask_for_file() -> str | None:
    """Ask for the credential file; None where nobody watches, or nothing is typed."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    try:
        return input(PROMPT).strip() or None
    except EOFError:
        return None


def find_credentials(
    path: str | os.PathLike[str] | None,
    profile: str | None,
    *,
    saved: str | None = None,
    ask: Callable[[], str | None] = ask_for_file,
) -> Credentials:
    """The credentials to use: the file that is given, else the `saved` one, else AWS's own places, else `ask`.

    Raises `CPVError` for a file that is not there or cannot be used, for a profile that is not there (with those that
    are), and where there are no credentials at all.
    """
    if profile is not None and not profile.strip():
        raise CPVError("the profile's name is empty", fix=f"{COMMAND} --profile NAME")
    chosen = os.fspath(path) if path is not None else saved
    if chosen is not None:
        return credentials_of_file(chosen, profile)
    own = _own(profile)
    if own is not None:
        return own
    answer = ask()
    if answer is None:
        raise CPVError("no AWS credentials were found", fix=f"{COMMAND} --credential-path FILE, or aws configure")
    return credentials_of_file(answer, profile)


def credentials_of_file(given: str, profile: str | None) -> Credentials:
    """The credentials in a file; see `find_credentials` for the errors."""
    path, name = _absolute(given), profile or DEFAULT_PROFILE
    mode = _check_file(path)
    _check_environment(path)
    profiles = parse_credential_file(path)
    if name not in profiles:
        raise _no_profile(path, name, profiles)
    _check_profile(path, name, profiles[name])
    return Credentials(path, name, f"profile {name} of {path}", _exposed(path, mode))


def _absolute(given: str) -> Path:
    if not given.strip() or "\0" in given:
        raise CPVError("the credential file's path is empty or no path", fix=f"{COMMAND} --credential-path FILE")
    return Path(os.path.abspath(os.path.expanduser(given)))


def _check_file(path: Path) -> int:
    fix = f"{COMMAND} --credential-path FILE"
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise CPVError("no such credential file", where=str(path), fix=fix) from None
    except OSError as error:
        raise CPVError(f"cannot be read: {error.strerror}", where=str(path), fix=fix) from error
    if not stat.S_ISREG(mode):
        raise CPVError("is not a file", where=str(path), fix=fix)
    if not os.access(path, os.R_OK):
        raise CPVError("cannot be read", where=str(path), fix=f"chmod u+r {shell_path(path)}")
    return mode


def _check_environment(path: Path) -> None:
    """boto3, and DVC with it, would read that other file all the same."""
    other = os.environ.get("AWS_SHARED_CREDENTIALS_FILE")
    if other and not _same(os.path.expanduser(other), path):
        what = f"AWS_SHARED_CREDENTIALS_FILE is set to {other}, which wins over this file"
        raise CPVError(what, where=str(path), fix="unset AWS_SHARED_CREDENTIALS_FILE")


def _same(one: str, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def parse_credential_file(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """The profiles of a credential file. Raises `CPVError`, in which nothing of the file's content is said."""
    from botocore.configloader import raw_config_parse
    from botocore.exceptions import BotoCoreError

    try:
        profiles: Mapping[str, Mapping[str, Any]] = raw_config_parse(str(path))
    except BotoCoreError:
        what = "is not an AWS credential file ([PROFILE] lines and KEY = VALUE lines)"
        raise CPVError(what, where=str(path), fix=f"correct it, or {COMMAND} --credential-path FILE") from None
    return profiles


def _no_profile(path: Path, name: str, profiles: Mapping[str, Any]) -> CPVError:
    what = f"has no profile {name!r} (it has {', '.join(sorted(profiles)) or 'none'})"
    fix = f"aws configure --profile {shell_word(name)}"
    if profiles:
        fix = f"{COMMAND} --credential-path {shell_path(path)} --profile {shell_word(min(profiles))}"
    return CPVError(what, where=str(path), fix=fix)


def _check_profile(path: Path, name: str, values: Mapping[str, Any]) -> None:
    lacking = [key for key in _KEYS if not values.get(key)]
    if lacking and not any(values.get(key) for key in _SOURCES):
        raise CPVError(f"profile {name!r} has no {' and no '.join(lacking)}", where=str(path), fix="add it there")


def _exposed(path: Path, mode: int) -> str | None:
    if not mode & 0o077:
        return None
    return one_line("other users of this machine can get at it", where=str(path), fix=f"chmod 600 {shell_path(path)}")


def _own(profile: str | None) -> Credentials | None:
    """What boto3 finds by itself: environment, `~/.aws`, single sign-on, a role."""
    from botocore.exceptions import BotoCoreError, ProfileNotFound
    from botocore.session import Session

    # boto3 passes the environment over where a profile is named; the default one is what it comes to in the end.
    named = profile if profile != DEFAULT_PROFILE else None
    session = Session(profile=named)
    try:
        found = session.get_credentials()
    except ProfileNotFound:
        known = ", ".join(session.available_profiles) or "none"
        what = f"AWS has no profile {named or os.environ.get('AWS_PROFILE')!r} (it has {known})"
        raise CPVError(what, fix=f"{COMMAND} --profile NAME, or aws configure --profile NAME") from None
    except (BotoCoreError, ValueError, OSError) as error:
        # The last two are what a credential process that answers nonsense, or is not there, ends in.
        raise CPVError(f"no AWS credentials: {error}", fix="aws configure") from error
    if found is None:
        return None
    source = _WORDS.get(found.method or "", found.method or "AWS")
    return Credentials(None, named, f"profile {named} of {source}" if named else source)
