"""`CPVConfig`: the personal settings, AWS and the Git host from Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from dvc_cpv_plugin import options as keywords
from dvc_cpv_plugin.checkpoints import print_effects
from dvc_cpv_plugin.errors import ConfigureError, raised_as
from dvc_cpv_plugin.logged import logged
from dvc_cpv_plugin.options import CommonOptions, OperationOptions, check_type

if TYPE_CHECKING:
    from cpv_hooks.console.check_result import Check
    from cpv_hooks.console.plan import Effect, Plan


class AwsOptions(CommonOptions, total=False):
    """Options of `setup_aws_profile`."""

    bucket: str | None
    """The bucket (default: yours, or `vmo-model-checkpoints`)."""
    region: str | None
    """The bucket's region, such as `eu-west-1`."""
    endpoint_url: str | None
    """The S3 server, if it is not AWS."""
    team_name: str | None
    """The team (default: the repository's)."""
    model_name: str | None
    """The model (default: the repository's)."""
    read_only: bool
    """Only check that S3 can be read, and write nothing there."""
    move: bool
    """Copy the repository's data to S3 (the default)."""


class HostOptions(CommonOptions, total=False):
    """Options of `setup_bitbucket_ssh`."""

    host: str | None
    """The Git host (default: yours, or `bitbucket.org`)."""
    port: int | None
    """Its SSH port (default: 22; Data Center: 7999)."""
    url_pattern: str | None
    """The repositories' URL, with `{team_name}` and `{model_name}`."""
    host_fingerprint: str | None
    """The host key's fingerprint, `SHA256:…`, as its administrator gave it."""
    team_name: str | None
    """The team (default: the repository's)."""
    model_name: str | None
    """The model (default: the repository's)."""
    test: bool
    """Try to connect at the end (the default)."""


_AWS = dict.fromkeys(("bucket", "region", "endpoint_url", "team_name", "model_name"), str)
_HOST = dict.fromkeys(("host", "url_pattern", "host_fingerprint", "team_name", "model_name"), str)


class CPVConfig:
    """What is set up once for a person: `~/.cpv/config.json`, access to S3 and to the Git host.

    Every method but `get_config` takes the options of `CommonOptions`. Errors are `ConfigureError`s; an unknown option
    or a value of the wrong type is a `TypeError`. `show` is called with the effects of a dry run.
    """

    show: Callable[[Sequence[Effect]], None] = staticmethod(print_effects)

    def __init__(self, **kwargs: Unpack[CommonOptions]) -> None:
        self.options = keywords.read_options("CPVConfig", kwargs, defaults=OperationOptions())

    def setup_aws_profile(
        self, credential_path: str | None = None, aws_profile: str = "default", **kwargs: Unpack[AwsOptions]
    ) -> None:
        """Set up AWS: find the credentials, verify access to S3, remember it, and make it the repository's remote.

        `credential_path` is a credential file. Without it, CPV uses the configured one, or else what AWS's own tools
        have set up, or else asks on a terminal. Without a file, `aws_profile="default"` means the configured
        profile. The repository is the one around the folder that the options name; its data is copied and verified.
        """
        from cpv_hooks.accounts.aws.aws_setup import plan_aws
        from cpv_hooks.accounts.aws.aws_target import AwsRequest

        method = "setup_aws_profile"
        options = self._options(method, kwargs, {**_AWS, "read_only": bool, "move": bool})
        check_type(method, "credential_path", credential_path, Path, optional=True)
        check_type(method, "aws_profile", aws_profile, str)
        given: dict[str, Any] = {
            "credential_path": None if credential_path is None else _path(options, credential_path),
            "profile": None if credential_path is None and aws_profile == "default" else aws_profile,
            **{name: kwargs.get(name) for name in ("bucket", "region", "endpoint_url")},
            "team": kwargs.get("team_name"),
            "model": kwargs.get("model_name"),
        }
        request = AwsRequest(
            **given,
            read_only=kwargs.get("read_only", False),
            move=kwargs.get("move", True),
            force=options.force,
        )
        self._set_up("aws-config", options, given, lambda here: plan_aws(request, here))

    def setup_bitbucket_ssh(
        self, keygen_filename: str | None = None, bitbucket_user: str | None = None, **kwargs: Unpack[HostOptions]
    ) -> None:
        """Set up SSH to the Git host: a key, `~/.ssh/config`, the host's key, the repository's origin, and a test.

        `keygen_filename` is a private key: a name in `~/.ssh`, or a path. An existing key is used and never
        overwritten; a missing one is made. The public key is printed with the page to paste it at. Until that is
        done the test ends in a `ConfigureError` that says so; then call it again.
        """
        from cpv_hooks.accounts.git_host import client
        from cpv_hooks.accounts.git_host.git_host_setup import plan_git_host
        from cpv_hooks.accounts.git_host.git_host_target import GitHostRequest

        method = "setup_bitbucket_ssh"
        options = self._options(method, kwargs, {**_HOST, "port": int, "test": bool})
        check_type(method, "keygen_filename", keygen_filename, Path, optional=True)
        check_type(method, "bitbucket_user", bitbucket_user, str, optional=True)
        given: dict[str, Any] = {
            "keygen_filename": None if keygen_filename is None else str(keygen_filename),
            "user": bitbucket_user,
            **{name: kwargs.get(name) for name in ("host", "port", "url_pattern", "host_fingerprint")},
            "team": kwargs.get("team_name"),
            "model": kwargs.get("model_name"),
        }
        request = GitHostRequest(**given, test=kwargs.get("test", True))
        ask = client.ask_person if client.has_terminal() else None
        self._set_up("bitbucket-config", options, given, lambda here: plan_git_host(request, here, ask))

    def get_config(self, key: str | None = None) -> dict[str, Any]:
        """The settings: all of them, those of a group (`"aws"`), or one by its dotted key.

        A single setting is returned as `{key: value}`: `get_config("aws.region") == {"aws.region": "eu-west-1"}`. What
        is not set has its default. A webhook's address is returned in full: mind where you print it.
        """
        from cpv_hooks.accounts.personal import personal_settings

        check_type("get_config", "key", key, str, optional=True)
        with raised_as(ConfigureError):
            found = personal_settings.get(key)
        return found if isinstance(found, dict) else {str(key): found}

    def validate_credentials(self, **kwargs: Unpack[CommonOptions]) -> bool:
        """Whether S3 accepts the keys and the Git host lets the user in; prints what it finds.

        Also False if one of them is not configured, because it was not verified. Writes nothing anywhere.
        """
        from cpv_hooks.checks.validate import validate_credentials

        options = self._options("validate_credentials", kwargs)
        with raised_as(ConfigureError), logged("validate credentials", options, {}):
            checks = validate_credentials()
            for check in checks:
                _tell(check)
        return not any(_is_in_doubt(check) for check in checks)

    def _options(self, method: str, given: Any, more: dict[str, type] | None = None) -> OperationOptions:
        return keywords.read_options(method, given, defaults=self.options, more=more)

    def _set_up(
        self, name: str, options: OperationOptions, given: dict[str, Any], plan: Callable[[Path], Plan[None]]
    ) -> None:
        with raised_as(ConfigureError), logged(name, options, given):
            planned = plan(options.path(options.repo_path or "."))
            if options.dry_run:
                self.show(planned.effects)
            else:
                planned.run()


def _path(options: OperationOptions, given: str) -> str:
    """A path as the engine takes it; an empty one stays empty, for the engine to refuse."""
    text = str(given)
    return str(options.path(text)) if text.strip() and "\0" not in text else text


def _tell(check: Check) -> None:
    from cpv_hooks.console.output import say, warn

    (say if check.result == "ok" else warn)(check.line)


def _is_in_doubt(check: Check) -> bool:
    from cpv_hooks.checks.personal_checks import AWS_CONFIG, BITBUCKET_CONFIG

    return check.result == "fail" or (check.result == "warn" and check.fix in (AWS_CONFIG, BITBUCKET_CONFIG))
