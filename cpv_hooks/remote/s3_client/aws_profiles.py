"""What AWS's own two files say of a profile, read without boto3."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cpv_hooks.remote.s3_client.s3_options import S3Options

NOTHING: Mapping[str, str] = {}


class Profiles:
    """The profiles of `~/.aws/config` and `~/.aws/credentials`, or of the files that stand for them."""

    def __init__(self, options: S3Options) -> None:
        self._settings = _sections(options.config_file)
        self._keys = _sections(options.credentials_file)

    def settings(self, name: str) -> Mapping[str, str]:
        return self._settings.get(name if name == "default" else f"profile {name}", NOTHING)

    def keys(self, name: str) -> Mapping[str, str]:
        return self._keys.get(name, NOTHING)

    def merged(self, name: str) -> Mapping[str, str]:
        """A profile as boto3 sees it where it does not care from which file."""
        return {**self.settings(name), **self.keys(name)}

    def sso_session(self, name: str) -> Mapping[str, str]:
        """The settings that profiles of one login share."""
        return self._settings.get(f"sso-session {name}", NOTHING)


def _sections(path: Path) -> dict[str, Mapping[str, str]]:
    from configparser import Error, RawConfigParser

    parser = RawConfigParser()
    try:
        parser.read(path)
    except (Error, OSError, ValueError):
        return {}
    return {name: dict(parser[name]) for name in parser.sections()}
