"""`dvc cpv migrate lfs|checkpoints|mlflow|hf|wandb`: what other tools keep becomes versions."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from cpv_hooks.console.output import counted, printable, size_text
from cpv_hooks.migration import checkpoint_folder, lfs_head
from cpv_hooks.migration.hf_snapshot import find_snapshot, lay_out
from cpv_hooks.migration.incoming import Arrivals, Incoming, arrival_table
from cpv_hooks.migration.lfs_history import plan_history
from cpv_hooks.migration.mlflow_import import read_mlflow
from cpv_hooks.migration.scratch import scratch_folder
from cpv_hooks.migration.wandb_import import read_wandb
from cpv_hooks.system.atomic_files import write_atomic
from cpv_hooks.transfer.commits.by_policy import upload_by_policy
from dvc_cpv_plugin.commands import ui
from dvc_cpv_plugin.commands.base import CPVCommand, SubCommands
from dvc_cpv_plugin.commands.common import add_json, show_effects

EXAMPLES = """examples:
  dvc cpv migrate lfs --dry-run        what HEAD keeps in Git LFS, and what would be done
  dvc cpv migrate lfs                  in one new commit; history stays as it is
  dvc cpv migrate checkpoints runs/7   a version of each checkpoint in a folder
  dvc cpv migrate mlflow mlflow.db     a version of each model of MLflow's runs
  dvc cpv migrate hf DIR               a version of a Hugging Face snapshot
  dvc cpv migrate wandb wandb          a version of each artifact of W&B's offline runs

The source stays as it is. docs/migrating.md has more."""


class VersionsCommand(CPVCommand):
    """A command that makes a version of each thing that it finds."""

    def moved_to(self) -> Path | None:
        """Where the files are now, if not where the other tool says."""
        return None if self.args.artifacts is None else Path(self.args.artifacts).resolve()

    def bring(self, origin: str, items: Sequence[Incoming]) -> int:
        """Show the plan, or make the versions; a line for each as it is made."""
        arrivals = Arrivals(self.project_here(), origin, items, self.args.artifact)
        todo = arrivals.todo
        planned = [{"name": one.key, "order": one.order, "size": one.size, "metrics": one.metrics} for one in todo]
        head = {"artifact": arrivals.path, "done_before": len(items) - len(todo)}
        size = size_text(sum(one.size for one in todo))
        if self.args.dry_run:
            text = [*arrival_table(todo), f"would make {counted(len(todo), 'version')} of {arrivals.path} ({size})"]
            return self.answer({"dry_run": True, **head, "versions": planned}, text)
        made = []
        for one in arrivals.make():
            made.append({"tag": one.tag, "name": one.item.key})
            if not self.args.json:
                ui.write_output(f"{one.tag}\t{printable(one.item.key)}")
        promoted = list(arrivals.promote())
        rest = [] if todo else [f"all {len(items)} are versions already"]
        return self.answer({**head, "versions": made, "stages": promoted}, [*promoted, *rest])


class CmdMigrateCheckpoints(VersionsCommand):
    """Makes a version of each checkpoint in a folder."""

    def run(self) -> int:
        folder = Path(self.args.folder).resolve()
        return self.bring(f"checkpoints {folder.name}", checkpoint_folder.read_checkpoints(folder))


class CmdMigrateMlflow(VersionsCommand):
    """Makes a version of each model of MLflow's runs."""

    def run(self) -> int:
        items = read_mlflow(self.args.store, Path.cwd(), artifacts=self.moved_to(), experiment=self.args.experiment)
        return self.bring("mlflow", items)


class CmdMigrateHf(VersionsCommand):
    """Makes a version of a Hugging Face snapshot."""

    def run(self) -> int:
        snapshot = find_snapshot(Path(self.args.folder).absolute(), self.args.revision)
        with scratch_folder(self.project_here().repo.common_dir) as scratch:
            return self.bring("hf", [lay_out(snapshot, scratch)])


class CmdMigrateWandb(VersionsCommand):
    """Makes a version of each artifact that offline runs of W&B logged."""

    def run(self) -> int:
        with scratch_folder(self.project_here().repo.common_dir) as scratch:
            items = read_wandb(
                Path(self.args.folder).resolve(), scratch, staged=self.moved_to(), artifact=self.args.name
            )
            return self.bring("wandb", items)


class CmdMigrateLfs(CPVCommand):
    """Moves what Git LFS has to DVC."""

    def run(self) -> int:
        if self.args.everything or self.args.refs:
            return self._with_history()
        with lfs_head.moving(self.project_here(), fetch=not self.args.dry_run) as plan:
            if self.args.dry_run:
                show_effects(plan.effects, as_json=self.args.json)
                return 0
            found = plan.run()
        what = f"{counted(found.files, 'file')} ({size_text(found.size)})"
        text = f"{what} moved from Git LFS to DVC: {', '.join(found.tags)}"
        value = {"artifacts": found.artifacts, "files": found.files, "size": found.size, "tags": found.tags}
        return self.answer(value, text)

    def _with_history(self) -> int:
        project = self.project_here()
        plan = plan_history(project, self.args.refs, fetch=not self.args.dry_run)
        if self.args.dry_run:
            show_effects(plan.effects, as_json=self.args.json)
            return 0
        found = plan.run()
        if self.args.object_map is not None:
            rows = (f"{old},{new}\n" for old, new in found.commits.items())
            write_atomic(Path(self.args.object_map), "".join(rows).encode())
        refs = [{"ref": ref, "old": old, "new": new} for ref, (old, new) in found.refs.items()]
        upload_by_policy(project.repo, [project], [row["new"] for row in refs], "migrate lfs")
        count = counted(found.files, "object")
        lines = [f"{row['ref']} {row['old']} {row['new']}" for row in refs]
        lines.append(f"{count} ({size_text(found.size)}) moved from Git LFS to DVC in {len(found.commits)} commits")
        value = {"refs": refs, "commits": found.commits, "files": found.files, "size": found.size}
        return self.answer(value, lines)


def add_verbs(verbs: SubCommands) -> None:
    lfs = verbs.add(
        "lfs", CmdMigrateLfs,
        "Move what HEAD keeps in Git LFS to DVC, in one new commit; with REF or --everything rewrite history instead.",
        "examples:\n  dvc cpv migrate lfs --dry-run\n  dvc cpv migrate lfs --json | jq .tags\n"
        "  dvc cpv migrate lfs --everything --object-map map.csv   # all branches and tags, none published\n"
        "  dvc cpv migrate lfs main                                # one branch, published or not",
    )  # fmt: skip
    which = lfs.add_mutually_exclusive_group()
    which.add_argument(
        "refs", nargs="*", default=[], metavar="REF", help="Rewrite the history of these branches and tags."
    )
    which.add_argument("--everything", action="store_true", help="Rewrite the history of all branches and tags.")
    lfs.add_argument("--object-map", metavar="FILE", help="Write a line OLD,NEW for each commit that was rewritten.")
    _add_common(lfs)
    folder = _add_versions(
        verbs, "checkpoints", CmdMigrateCheckpoints,
        "Make a version of each checkpoint in a folder, in the order of the dates, steps or epochs in their names.",
        "examples:\n  dvc cpv migrate checkpoints runs/7 --dry-run     # the plan, as a table\n"
        "  dvc cpv migrate checkpoints runs/7\n  dvc cpv migrate checkpoints ../old --as model",
    )  # fmt: skip
    folder.add_argument("folder", metavar="DIR", help="The folder: step-100.pt, checkpoint-500/, 2024-05-01/, ….")
    mlflow = _add_versions(
        verbs, "mlflow", CmdMigrateMlflow,
        "Make a version of each model of MLflow's runs, with metrics, parameters and tags; aliases become stages.",
        "examples:\n  dvc cpv migrate mlflow mlruns --as model --dry-run\n"
        "  dvc cpv migrate mlflow sqlite:///mlflow.db --as model --experiment resnet\n"
        "  dvc cpv migrate mlflow mlflow.db --as model --artifacts /mnt/mlflow",
    )  # fmt: skip
    mlflow.add_argument("store", metavar="PATH", help="The mlruns folder, or MLflow's SQLite database.")
    mlflow.add_argument("--artifacts", metavar="FOLDER", help="Where artifacts are now, if not where MLflow says.")
    mlflow.add_argument("--experiment", metavar="NAME", help="The experiment, if several have models.")
    hub = _add_versions(
        verbs, "hf", CmdMigrateHf,
        "Make a version of a Hugging Face snapshot: real files instead of links, the revision in the message.",
        "examples:\n  dvc cpv migrate hf ~/.cache/huggingface/hub/models--org--name --as model\n"
        "  dvc cpv migrate hf downloads/name --as model        # what `hf download --local-dir` made",
    )  # fmt: skip
    hub.add_argument(
        "folder", metavar="DIR", help="models--ORG--NAME in the cache, one of its snapshots, or any folder."
    )
    hub.add_argument("--revision", metavar="REVISION", help="The snapshot in the cache (default: that of main).")
    wandb = _add_versions(
        verbs, "wandb", CmdMigrateWandb,
        "Make a version of each artifact that offline runs of W&B logged, with metrics and config; no server is asked.",
        "examples:\n  dvc cpv migrate wandb wandb --as model --dry-run\n"
        "  dvc cpv migrate wandb wandb/offline-run-20261128_165409-first --as model",
    )  # fmt: skip
    wandb.add_argument("folder", metavar="DIR", help="The wandb folder, or one of its offline-run-….")
    wandb.add_argument("--artifacts", metavar="FOLDER", help="Where the staged files are now, if not where W&B says.")
    wandb.add_argument("--artifact", dest="name", metavar="NAME", help="The artifact, if there are several.")


def _add_versions(
    verbs: SubCommands, name: str, command: type[CPVCommand], help: str, examples: str
) -> argparse.ArgumentParser:
    parser = verbs.add(name, command, help, examples)
    parser.add_argument(
        "--as",
        dest="artifact",
        metavar="ARTIFACT",
        help="The artifact, a path in the repository (default: the model of .cpv.toml).",
    )
    _add_common(parser)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="Print the exact effects, and change nothing.")
    add_json(parser)
