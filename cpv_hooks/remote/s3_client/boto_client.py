"""A boto3 client by DVC's options of an S3 remote. What they do not say is left to boto3's own search."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from cpv_hooks.console.trace import emit_trace, is_heard
from cpv_hooks.remote.s3_client.answers import refuse_foreign_answers
from cpv_hooks.remote.s3_client.s3_options import S3Options

if TYPE_CHECKING:
    from botocore.loaders import Loader
    from botocore.session import Session as CoreSession
    from mypy_boto3_s3 import S3Client

ATTEMPTS = 4
CONNECTIONS = 64


def new_client(options: S3Options) -> S3Client:
    """A new client; threads may share it. Raises botocore's errors and `ValueError` for a bad endpoint."""
    import boto3
    from botocore.session import Session

    core = Session()
    if options.get("credentialpath"):
        core.set_config_variable("credentials_file", str(options.credentials_file))
    if options.get("configpath"):
        core.set_config_variable("config_file", str(options.config_file))
    if (profile := options.get("profile")) is not None:
        core.set_config_variable("profile", profile)
    options.check()
    _share_descriptions(core)
    session = boto3.Session(
        botocore_session=core,
        region_name=options.get("region"),
        aws_access_key_id=options.get("access_key_id"),
        aws_secret_access_key=options.get("secret_access_key"),
        aws_session_token=options.get("session_token"),
    )
    client = session.client(
        "s3",
        endpoint_url=options.get("endpointurl"),
        use_ssl=options.flag("use_ssl") is not False,
        verify=_verify(options),
        config=_config(options),
    )
    refuse_foreign_answers(client, options)
    if is_heard():
        client.meta.events.register("before-send.s3", _tell)
    return client


def _share_descriptions(core: CoreSession) -> None:
    """Let all clients of this process use what one has read of S3's description: each would take 50 ms for it."""
    loader = _loader(core.get_config_variable("data_path"))
    # Each session of boto3 adds its own folder.
    loader.search_paths[:] = dict.fromkeys(loader.search_paths)
    core.register_component("data_loader", loader)


@cache
def _loader(data_path: str | None) -> Loader:
    from botocore.loaders import create_loader

    return create_loader(data_path)


def _verify(options: S3Options) -> bool | str | None:
    flag = options.flag("ssl_verify")
    return flag if flag is not None else options.get("ssl_verify")


def _config(options: S3Options) -> Any:
    from botocore import UNSIGNED
    from botocore.config import Config

    connect_seconds, read_seconds = options.timeouts
    settings: dict[str, Any] = {
        "connect_timeout": connect_seconds,
        "read_timeout": read_seconds,
        "retries": {"total_max_attempts": ATTEMPTS, "mode": "standard"},
        "max_pool_connections": CONNECTIONS,
        "tcp_keepalive": True,
        # Each upload carries its own Content-MD5, which every S3 server checks, so neither a second checksum nor
        # a signature over the body is worth its cost; not every server knows the newer checksums anyway.
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
        "s3": {"payload_signing_enabled": False},
    }
    if options.flag("allow_anonymous_login"):
        settings["signature_version"] = UNSIGNED
    return Config(**settings)


def _tell(request: Any, **_: Any) -> None:
    """botocore's `before-send` event: one line for each request, tried again or not."""
    if getattr(request, "is_kept_back", False):
        return
    emit_trace("debug", f"{request.method} {request.url}")
