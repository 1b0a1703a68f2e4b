"""The DVC remote of a repository that `dvc cpv init` sets up."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from cpv_hooks import state_files
from cpv_hooks.accounts.personal import personal_settings
from cpv_hooks.accounts.personal.schema import Aws
from cpv_hooks.dvcformat.dvc_config_files import configured_remotes
from cpv_hooks.dvcformat.remote_url import url_scheme
from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.state_files import cpv_home
from cpv_hooks.transfer.objects.remote_kinds import kind_of

NAME = "storage"


def default_url(team: str, model: str) -> str:
    """S3 where `dvc cpv aws-config` has set it up, else a folder of this machine, so that everything works before."""
    own = _aws()
    return f"s3://{own.bucket}/{team}/{model}" if own else str(cpv_home() / state_files.STORAGE / team / model)


def _aws() -> Aws | None:
    """The user's own AWS settings, once there are some."""
    own = personal_settings.load_settings().aws
    return own if "bucket" in own.model_fields_set else None


def to_modify(url: str, team: str, model: str) -> list[tuple[str, str, bool]]:
    """The options that a new remote of this URL needs: key, value, and whether it is this machine's alone."""
    own = _aws()
    if own is None or url != default_url(team, model):
        return []
    profile = own.profile if own.credential_path or own.profile != "default" else None
    options = (
        ("endpointurl", own.endpoint_url, False),
        ("region", own.region, False),
        ("credentialpath", own.credential_path, True),
        ("profile", profile, True),
    )
    return [(key, value, local) for key, value, local in options if value is not None]


def check_remote_url(root: Path, url: str | None) -> None:
    """Refuse a URL that DVC does not know, that holds a password, or that is not what is configured."""
    default, remotes = configured_remotes(root)
    if url is None:
        if default is None and len(remotes) > 1:
            what = f"none of its remotes ({', '.join(sorted(remotes))}) is the default"
            raise CPVError(
                what, where=str(root / ".dvc" / "config"), fix=f"dvc remote default {shell_word(min(remotes))}"
            )
        return
    if not url.strip():
        raise CPVError("the remote's URL is empty", fix="dvc cpv init --remote s3://BUCKET/PREFIX")
    if urlsplit(url).password:
        fix = (
            f"dvc cpv init --remote {shell_word(_without_password(url))}, "
            f"then dvc remote modify --local {NAME} password SECRET"
        )
        raise CPVError("the remote's URL holds a password, which would be committed", fix=fix)
    _check_scheme(url)
    if default is not None and not _same(remotes.get(default), url):
        what = f"its default remote {default!r} is {remotes.get(default)}, not {url}"
        raise CPVError(what, where=str(root), fix=f"dvc remote modify {shell_word(default)} url {shell_word(url)}")


def _check_scheme(url: str) -> None:
    from dvc.config_schema import REMOTE_SCHEMAS

    scheme = url_scheme(url)
    if scheme and scheme not in REMOTE_SCHEMAS:
        known = ", ".join(sorted(name for name in REMOTE_SCHEMAS if name))
        raise CPVError(f"DVC has no remotes of the kind {scheme}:// (known: {known})", fix="dvc cpv init --remote URL")
    if kind_of(url).needs_bucket and not urlsplit(url).netloc:
        raise CPVError(f"{url} names no bucket", fix="dvc cpv init --remote s3://BUCKET/PREFIX")


def _same(known: str | None, url: str) -> bool:
    if known is None or "://" in known or "://" in url:
        return known is not None and known.rstrip("/") == url.rstrip("/")
    return os.path.realpath(known) == os.path.realpath(url)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username}@{host}" if parts.username else host).geturl()


def to_add(root: Path, url: str | None, team: str, model: str) -> tuple[str, str] | None:
    """Name and URL of the remote to add as the default, or None where one is there."""
    default, remotes = configured_remotes(root)
    if default is not None or (url is None and remotes):
        return None
    name = next(name for name in (NAME, *(f"{NAME}-{n}" for n in range(2, 100))) if name not in remotes)
    return name, url or default_url(team, model)


def to_make_default(root: Path, url: str | None) -> str | None:
    default, remotes = configured_remotes(root)
    return min(remotes) if default is None and url is None and remotes else None


def default_or_configured(root: Path, url: str | None, team: str, model: str) -> str:
    """Where the data will go."""
    default, remotes = configured_remotes(root)
    return remotes.get(default or "") or url or default_url(team, model)
