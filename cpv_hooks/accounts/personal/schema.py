"""What may stand in the personal settings; each field's description says what is allowed, and ends its error line."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from cpv_hooks.accounts.personal.log_rotation import KEPT
from cpv_hooks.errors import CPVError
from cpv_hooks.events.outbox import KINDS
from cpv_hooks.project.fetch_rule import parse_words

VERSION = 1
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _printable(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise ValueError
    return value


def _web_address(value: str) -> str:
    """An http or https URL without a user's name or password."""
    parts = urlsplit(value)
    if re.search(r"[^\x21-\x7e]", value) or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError
    if "@" in parts.netloc or parts.port == 0:  # reading the port raises ValueError where it is none
        raise ValueError
    return value


def _webhook(value: str) -> str:
    parts = urlsplit(_web_address(value))
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ValueError
    return value


def _addresses(value: str) -> str:
    """Addresses of Apprise, joined by commas; a web address is a webhook."""
    for one in re.split(r",(?=[A-Za-z][\w+.-]*://)", value):
        scheme, colon, rest = one.partition("://")
        if scheme.lower() in ("http", "https"):
            _webhook(one)
        elif scheme.lower() == "file" or not (
            colon and re.fullmatch(r"[A-Za-z][\w+.-]*", scheme) and re.fullmatch(r"[\x21-\x7e]+", rest)
        ):
            raise ValueError
    return value


def _event_names(value: str) -> str:
    names = [name.strip() for name in value.split(",")]
    if value != "all" and not set(names) <= set(KINDS):
        raise ValueError
    return value


def _fetch_words(value: str) -> str:
    try:
        parse_words(value.split(","), "fetch")
    except CPVError:
        raise ValueError from None
    return _printable(value)


def _matching(pattern: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError
        return value

    return AfterValidator(check)


_Text = Annotated[str, AfterValidator(_printable)]
_Team = Annotated[str, _matching(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?")]
_Region = Annotated[str, _matching(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")]
_Bucket = Annotated[str, _matching(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")]
_User = Annotated[str, _matching(r"[A-Za-z0-9._][A-Za-z0-9._@+-]{0,127}")]
_Host = Annotated[str, _matching(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:]*:[0-9A-Fa-f:]+")]
_Pattern = Annotated[str, _matching(r"(?!-)(?=.*\{model_name\})[\x21-\x7e]+")]
_Endpoint = Annotated[str, AfterValidator(_web_address)]
_Webhook = Annotated[str, AfterValidator(_webhook)]
_Addresses = Annotated[str, AfterValidator(_addresses)]
_EventNames = Annotated[str, AfterValidator(_event_names)]
_FetchWords = Annotated[str, AfterValidator(_fetch_words)]
_Secret = Annotated[str, _matching(r"[\x21-\x7e]{16,500}")]


class _Section(BaseModel):
    """Strict: a number is no string. Keys that this version does not know are let go here, and kept in the file."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class Aws(_Section):
    """How AWS, or another S3 server, is reached."""

    credential_path: _Text | None = Field(default=None, description="the path of a credentials file")
    profile: _Text = Field(default="default", description="the name of a profile in the credentials file")
    region: _Region | None = Field(default=None, description="a region's name, such as eu-west-1")
    endpoint_url: _Endpoint | None = Field(default=None, description="an http or https URL without a password")
    bucket: _Bucket = Field(
        default="vmo-model-checkpoints",
        description="a bucket's name: 3 to 255 letters, digits, dots, dashes or underscores",
    )


class Bitbucket(_Section):
    """The Git host and how it is reached over SSH."""

    user: _User | None = Field(default=None, description="a user's name of letters, digits, . _ @ + or -")
    host: _Host = Field(default="bitbucket.org", description="a host's name or address")
    port: int | None = Field(default=None, ge=1, le=65535, description="a whole number from 1 to 65535")
    key_path: _Text | None = Field(default=None, description="the path of a private SSH key")
    url_pattern: _Pattern | None = Field(
        default=None, description="a URL with {model_name} in it (and {team_name}), without blanks"
    )


class Notify(_Section):
    """Who is notified: people at `url`, of `events` and with `--notify`; a program at `webhook`, of all events."""

    url: _Addresses | None = Field(
        default=None,
        description="an address of Apprise, or an https URL (http only for this machine) without a password",
    )
    events: _EventNames | None = Field(
        default=None, description=f"all, or some of {', '.join(KINDS)}, joined by commas"
    )
    webhook: _Webhook | None = Field(
        default=None, description="an https URL (http only for this machine) without a password"
    )
    secret: _Secret | None = Field(default=None, description="16 to 500 letters, digits and signs without blanks")


class Logs(_Section):
    keep: int = Field(default=KEPT, ge=1, le=100_000, description="a whole number from 1 to 100000")


class Settings(_Section):
    """`~/.cpv/config.json`. `logs.keep` is a number of files."""

    version: int = Field(default=VERSION, ge=1, description="a whole number")
    quiet: bool = Field(default=False, description="true or false")
    team_name: _Team | None = Field(default=None, description="a name of up to 64 letters, digits, . _ or -")
    aws: Aws = Field(default=Aws(), description="a group of settings, {…}")
    bitbucket: Bitbucket = Field(default=Bitbucket(), description="a group of settings, {…}")
    notify: Notify = Field(default=Notify(), description="a group of settings, {…}")
    logs: Logs = Field(default=Logs(), description="a group of settings, {…}")
    fetch: _FetchWords | None = Field(
        default=None, description="all, none, or kinds and patterns of artifacts, joined by commas"
    )
