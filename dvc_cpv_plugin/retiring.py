"""Retiring versions from Python: the options of `retire_model_checkpoints`, and what they do."""

from __future__ import annotations

from collections.abc import Sequence

from cpv_hooks.console.times import parse_age
from cpv_hooks.project.project import Project
from cpv_hooks.upkeep.retire import retire_plan
from cpv_hooks.upkeep.retire.selection import Policy, demand_names
from dvc_cpv_plugin.options import RetireOptions


def retire(project: Project, tags: Sequence[str], options: RetireOptions, *, dry_run: bool) -> list[str]:
    """Retire the versions that these options mean; returns their names. Raises `CPVError`."""
    age, confirmed = options.get("older_than"), options.get("confirm") or []
    policy = Policy(
        options.get("keep_best"),
        options.get("metric"),
        options.get("mode"),
        None if age is None else parse_age(age),
        tuple(options.get("except_stages") or ()),
    )
    repo = project.repo
    found = retire_plan.plan_retirement(repo, [project], tags, policy, confirmed=confirmed)
    demand_names(found.chosen, confirmed, "retire_model_checkpoints(…, confirm=[…]) or dvc cpv retire …")
    if found.chosen and not dry_run:
        retire_plan.retire_versions(repo, found.chosen, options.get("message"))
    return [one.version.name for one in found.chosen]
