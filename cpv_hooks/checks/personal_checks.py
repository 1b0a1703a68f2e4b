"""What the personal settings lead to: the Git host lets the user in, and S3 takes the keys. Neither is written to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cpv_hooks.accounts.git_host.connection import greet
from cpv_hooks.accounts.git_host.pattern import SSH, parse_ssh_url, repository_url
from cpv_hooks.console.check_result import Check, Question, side_by_side

if TYPE_CHECKING:
    from cpv_hooks.accounts.personal.schema import Settings

AWS_CONFIG, BITBUCKET_CONFIG = "dvc cpv aws-config", "dvc cpv bitbucket-config"


def personal_checks(settings: Settings, seconds: float) -> list[Check]:
    """The checks `aws` and `git-host`, side by side; a warning for what is not configured."""
    questions = [aws(settings), git_host(settings, seconds)]
    return side_by_side(questions, seconds)


def aws(settings: Settings) -> Question:
    """Whether the configured keys open the configured bucket."""
    own = settings.aws

    def ask() -> Check:
        if "bucket" not in own.model_fields_set:
            what = "AWS is not configured, so only each repository's own remote is used"
            return Check("aws", "warn", what, AWS_CONFIG)
        from cpv_hooks.accounts.aws.aws_target import AwsRequest, decide
        from cpv_hooks.accounts.aws.probe import probe_bucket

        target = decide(AwsRequest(), None, settings, lambda: None)
        probe_bucket(target.options)
        if target.credentials.warning:
            return Check("aws", "warn", target.credentials.warning)
        return Check("aws", "ok", f"{target.credentials.source} opens s3://{target.options.bucket}")

    return Question("aws", own.endpoint_url or "AWS", ask, AWS_CONFIG)


def git_host(settings: Settings, seconds: float) -> Question:
    """Whether the configured host lets the user's key in."""
    own = settings.bitbucket

    def ask() -> Check:
        if not own.model_fields_set:
            return Check("git-host", "warn", "no Git host is configured", BITBUCKET_CONFIG)
        # Any names do: only the host is asked.
        url = repository_url(settings, "team", "model")
        found = parse_ssh_url(url)
        if found is None:
            return Check("git-host", "ok", f"{url.partition('/team')[0]} is not reached over SSH, so it is not asked")
        address = SSH(found.host, found.port or own.port, found.user, found.path)
        key = Path(os.path.expanduser(own.key_path)) if own.key_path else None
        welcome = greet(address, key=key, seconds=seconds / 3)
        return Check("git-host", "ok", f"{found.host} lets you in{f' as {welcome.user}' if welcome.user else ''}")

    return Question("git-host", own.host, ask, BITBUCKET_CONFIG)
