"""`dvc cpv aws-config`: AWS credentials, the repository's remote on S3, and its data's way there."""

from __future__ import annotations

import argparse
from pathlib import Path

from cpv_hooks.accounts.aws.aws_setup import plan_aws
from cpv_hooks.accounts.aws.aws_target import AwsRequest
from cpv_hooks.console.plan import Plan
from dvc_cpv_plugin.commands.common import add_common
from dvc_cpv_plugin.commands.setup_command import SetupCommand

EXAMPLES = """examples:
  dvc cpv aws-config                                          # with the keys of aws configure, aws sso login or AWS_…
  dvc cpv aws-config --credential-path ~/keys --profile team  # a credential file; CPV stores its path, never its keys
  dvc cpv aws-config --bucket my-models --region eu-west-1 --dry-run
  dvc cpv aws-config --endpoint-url https://minio.example.com --bucket models
  dvc cpv aws-config --no-move                                # do not move existing data
  dvc cpv aws-config --read-only                              # for keys that may only read

In a repository, the data is copied to s3://BUCKET/TEAM/MODEL and verified; then one commit puts that address into
.dvc/config. The old storage stays as it is. In a clone whose remote is already on S3, only this machine is set up.
Outside a repository, only your settings change: new repositories will use the bucket. If it is killed, run it again."""


class CmdAwsConfig(SetupCommand):
    """The setup of AWS, for the repository in the folder or for the user alone."""

    operation = "aws-config"

    def arguments(self) -> dict[str, object]:
        """Where the credentials are, for the log; never what they are."""
        names = ("credential_path", "profile", "bucket", "region", "endpoint_url")
        return {name: getattr(self.args, name) for name in names}

    def plan(self, folder: Path) -> Plan[None]:
        return plan_aws(self._request(), folder)

    def _request(self) -> AwsRequest:
        names = ("credential_path", "profile", "bucket", "region", "endpoint_url", "read_only", "force")
        given = {name: getattr(self.args, name) for name in names}
        return AwsRequest(**given, team=self.args.team_name, model=self.args.model_name, move=not self.args.no_move)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--credential-path", metavar="FILE", help="The AWS credential file (default: wherever AWS's own tools look)."
    )
    parser.add_argument("--profile", metavar="NAME", help="The profile in it (default: default).")
    parser.add_argument("--bucket", metavar="NAME", help="The bucket (default: yours, or vmo-model-checkpoints).")
    parser.add_argument("--region", metavar="NAME", help="The bucket's region, such as eu-west-1.")
    parser.add_argument("--endpoint-url", metavar="URL", help="The S3 server, if it is not AWS.")
    parser.add_argument("--no-move", action="store_true", help="Do not move existing data.")
    parser.add_argument(
        "--read-only", action="store_true", help="Only check that S3 can be read, and write nothing there."
    )
    add_common(parser, force="Move the rest even if some data is lost.")
