"""`dvc cpv access`: the least-privilege IAM policy for a team."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from cpv_hooks.accounts.aws.access_policy import policy
from cpv_hooks.accounts.aws.team_and_model import team_and_bucket
from dvc_cpv_plugin.commands.base import CPVCommand

EXAMPLES = """examples:
  dvc cpv access                                   for this repository's team, on its bucket
  dvc cpv access --team-name vision --read-only    for those who only check out
  dvc cpv access --team-name vision --bucket my-bucket > policy.json
  aws iam create-policy --policy-name cpv-vision --policy-document file://policy.json"""


class CmdAccess(CPVCommand):
    def run(self) -> int:
        team, bucket = team_and_bucket(Path.cwd(), self.args.team_name, self.args.bucket)
        found = policy(bucket, team, read_only=self.args.read_only, gc=self.args.gc)
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--team-name", metavar="NAME", help="The team (default: this repository's, or your own).")
    parser.add_argument("--bucket", metavar="NAME", help="The bucket (default: this repository's, or yours).")
    rights = parser.add_mutually_exclusive_group()
    rights.add_argument("--read-only", action="store_true", help="Allow only reading.")
    rights.add_argument("--gc", action="store_true", help="Allow removing objects, for dvc gc --cloud.")
