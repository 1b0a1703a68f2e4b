"""The commands of `dvc cpv`: one module for each noun, each with `CmdNoun` and
`add_arguments`, or with `add_verbs`, and with the `EXAMPLES` that end its `--help`."""

from __future__ import annotations

from collections.abc import Mapping

NOUNS: Mapping[str, str] = {
    "init": "Make a model repository, or set up CPV in an existing one.",
    "install": "Install CPV's Git hooks in this clone and bring its artifacts.",
    "clone": "Clone a model repository, with hooks and the data you ask for: --only model, --tag v1.0.",
    "uninstall": "Remove CPV's Git hooks from this clone, and restore what was there before, byte for byte.",
    "aws-config": "Set up S3: check that it can be written to, remember how to reach it, and move the data there.",
    "bitbucket-config": "Set up SSH to Bitbucket: a key, ~/.ssh/config, the host's key, the origin, and a test.",
    "config": "Show or change the personal settings (~/.cpv/config.json).",
    "validate": "Check that S3, the Git host, the repository, the disks and the next version are ready.",
    "model": "Upload, download, list, revert or describe a model's checkpoints.",
    "data": "Upload, download, list, revert or describe the training data's checkpoints.",
    "checkpoint": "Tag, list or revert model and data together.",
    "tag": "Tag the checkpoint at HEAD: the next version, or the one you name.",
    "log": "List the versions, newest first: what changed, sizes, metrics, and where the data is.",
    "diff": "Compare two versions, or one with the work tree: artifacts, files, models, metrics, settings.",
    "report": "Write the versions as one HTML page: time line, metrics, storage, comparisons; no network.",
    "promote": "Put a model version into a stage, such as production; prints the tag that records it.",
    "demote": "Take the version out of a stage and leave the stage empty; prints the tags that record it.",
    "stages": "Show which version is in which stage; with --history also who put it there, and when.",
    "retire": "Retire versions: they stay in Git with their metrics, their data may be removed; --undo, --list.",
    "migrate": "Make versions from other tools' data: Git LFS, folders of checkpoints, MLflow, Hugging Face, W&B.",
    "export": "Write a model version to a new folder: plain files, a Hugging Face repository, an OCI image layout.",
    "runs": "Training runs: their steps and metrics; make a step a version, drop a run, or resume one.",
    "watch": "Run a program, and keep the checkpoints that it writes to a folder as a training run.",
    "sync": "Snapshot what changed, fetch what is missing, upload what is queued.",
    "status": "Show the artifacts, what changed, what is queued, the last versions and the remote.",
    "doctor": "Check Git, DVC, the settings, every hook, the remote and the upload queue.",
    "verify": "Compare what versions need with the cache and the remote; --repair replaces bad copies by good ones.",
    "prune": "Print the objects that nothing needs, in the cache and with --remote on the remote; --yes removes them.",
    "rescue": "List, restore or drop unsaved content that a checkout replaced.",
    "recover": "Finish or undo now what a killed process left behind; otherwise the next hook does it.",
    "batch": "Run one command in many model repositories, each in its own process.",
    "access": "Print the least-privilege IAM policy (JSON) for a team's prefix on S3; nothing is applied.",
    "completion": "Print the script that makes bash, zsh or fish complete `cpv`.",
    "demo": "Show in a temporary folder how plain Git commands version a model.",
}
"""Each noun with its line of help, so that `--help` imports none of them."""
