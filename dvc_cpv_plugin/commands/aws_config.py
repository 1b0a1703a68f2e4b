"""`dvc cpv aws-config`: AWS credentials, the repository's remote on S3, and its data's way there."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dvc_cpv_plugin.commands.base import CPVCommand, add_command
from dvc_cpv_plugin.commands.common import add_common

HELP = "Set up AWS: verify that S3 can be written, remember how it is reached, move the repository's data there."
EXAMPLES = """examples:
  dvc cpv aws-config                                          # what aws configure, aws sso login or AWS_… have set up
  dvc cpv aws-config --credential-path ~/keys --profile team  # a credential file; CPV keeps its path, never its keys
  dvc cpv aws-config --bucket my-models --region eu-west-1 --dry-run
  dvc cpv aws-config --endpoint-url https://minio.example.com --bucket models
  dvc cpv aws-config --no-move                                # leave the data that there is where it is
  dvc cpv aws-config --read-only                              # for keys that may only read

In a repository the data is copied to s3://BUCKET/TEAM/MODEL and verified, then .dvc/config names that place in one
commit; the old storage is left as it is. In a clone whose remote is on S3 already only this machine is set up. Outside
of a repository only you are: new repositories will use the bucket. A run that was killed is simply repeated."""


class CmdAwsConfig(CPVCommand):
    """Plans the setup, and does or prints the plan."""

    def run(self) -> int:
        from cpv_hooks.aws.setup import plan_setup
        from dvc_cpv_plugin.checkpoints import print_effects

        with self._logged():
            plan = plan_setup(self._request(), self._folder())
            if self.args.dry_run:
                print_effects(plan.effects)
            else:
                plan.run()
        return 0

    def _request(self) -> Any:
        from cpv_hooks.aws.target import Request

        names = ("credential_path", "profile", "bucket", "region", "endpoint_url", "read_only", "force")
        given = {name: getattr(self.args, name) for name in names}
        return Request(**given, team=self.args.team_name, model=self.args.model_name, move=not self.args.no_move)

    def _folder(self) -> Path:
        parts = [os.path.expanduser(part or ".") for part in (self.args.working_dir, self.args.repo_path)]
        return Path(*parts).absolute()

    @contextmanager
    def _logged(self) -> Iterator[None]:
        from cpv_hooks.personal import logs
        from cpv_hooks.personal.notify import notify

        log_file = Path(self.args.log_file).expanduser().absolute() if self.args.log_file else None
        with logs.operation("aws-config", log_file=log_file, verbose=bool(self.args.verbose)):
            try:
                yield
            except Exception as error:
                if self.args.notify:
                    notify("aws-config", f"failed: {error}")
                raise
            if self.args.notify and not self.args.dry_run:
                notify("aws-config", "done")


def add_parser(subparsers: Any, parent_parser: argparse.ArgumentParser) -> None:
    """Add `aws-config` to `dvc cpv`."""
    parser = add_command(subparsers, parent_parser, "aws-config", CmdAwsConfig, HELP, EXAMPLES)
    parser.add_argument(
        "--credential-path", metavar="FILE", help="The AWS credential file (default: wherever AWS's own tools look)."
    )
    parser.add_argument("--profile", metavar="NAME", help="The profile in it (default: default).")
    parser.add_argument("--bucket", metavar="NAME", help="The bucket (default: yours, or vmo-model-checkpoints).")
    parser.add_argument("--region", metavar="NAME", help="The bucket's region, such as eu-west-1.")
    parser.add_argument("--endpoint-url", metavar="URL", help="The S3 server, where it is not AWS.")
    parser.add_argument("--no-move", action="store_true", help="Leave the data that there is where it is.")
    parser.add_argument("--read-only", action="store_true", help="Verify reading alone, and write nothing on S3.")
    add_common(parser, force="Move the rest where some data is lost.")
