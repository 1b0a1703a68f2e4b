"""What may leave the remotes: what no ref anywhere needs, and nobody can be about to need."""

from __future__ import annotations

import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from cpv_hooks.console.output import warn
from cpv_hooks.errors import CPVError, shell_word, shell_words
from cpv_hooks.git.refs import TAGS, refs_below
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.project.retired import FOLDER
from cpv_hooks.remote.common.inventory import Seen
from cpv_hooks.remote.common.protocol import Remote
from cpv_hooks.transfer.objects.open import inventory_of
from cpv_hooks.transfer.objects.store import Store
from cpv_hooks.upkeep.prune.needed_objects import Needed
from cpv_hooks.upkeep.prune.prune_plan import ABANDONED, Doomed, PruneOptions, RemotePart
from cpv_hooks.upkeep.prune.reflog_history import lacking_ids
from cpv_hooks.upkeep.verify.starts import HostRef

_SHOWN = 5


def refs_of_hosts(repo: Repo) -> list[HostRef]:
    """Every ref of every Git remote, as the hosts say it now; all that they name is here.

    Raises `CPVError` for a host that cannot be asked, and where a ref's commit is not in this clone.
    """
    return [found for name in repo.run("remote").split() for found in _refs_of(repo, name)]


def _refs_of(repo: Repo, name: str) -> list[HostRef]:
    try:
        listed = repo.run("ls-remote", "--quiet", name)
    except CPVError as error:
        what = f"the refs of Git remote {name} cannot be seen, so what they need is not known ({error.what})"
        raise CPVError(what, where=error.where, fix=f"git ls-remote {shell_word(name)}") from error
    tips = {
        ref: oid for oid, _, ref in (line.partition("\t") for line in listed.splitlines()) if not ref.endswith("^{}")
    }
    # A record may be here without its ref, and is not read then.
    known = set(refs_below(repo, TAGS + FOLDER).values())
    records = {oid for ref, oid in tips.items() if ref.startswith(TAGS + FOLDER)}
    absent = lacking_ids(repo, set(tips.values())) | (records - known)
    refs = sorted(ref for ref, oid in tips.items() if oid in absent)
    if refs:
        shown = " ".join(refs[:_SHOWN])
        plain = all(ref.startswith(("refs/heads/", TAGS)) or ref == "HEAD" for ref in refs)
        what = f"{name} has commits that this clone lacks ({shown.replace(' ', ', ')})"
        fix = (
            f"git fetch --tags {shell_word(name)}"
            if plain
            else f"git fetch {shell_word(name)} {shell_words(refs[:_SHOWN])}"
        )
        raise CPVError(what, where=str(repo.top), fix=f"{fix}, then repeat the command")
    return [HostRef(name, ref, oid) for ref, oid in tips.items()]


def plan_remotes(projects: Sequence[Project], needed: Needed, options: PruneOptions) -> list[RemotePart]:
    """What would go from the remotes of each DVC root: the default one and those that outputs name.

    Raises `CPVError` where that is not known.
    """
    parts: dict[str, RemotePart] = {}
    for project in projects:
        for at in _pruned(project, needed, options):
            for legacy in (False, True) if needed.has_old else (False,):
                remote = Store(at, legacy=legacy).remote
                if remote.url not in parts:
                    parts[remote.url] = _part(remote, needed, options)
    return list(parts.values())


def _pruned(project: Project, needed: Needed, options: PruneOptions) -> list[Project]:
    """The DVC root with each remote at hand that is pruned. Others' remotes are not, unless the user vouches for them.

    `…/TEAM/MODEL` is this model's own, of any other who knows? Without the default remote nothing is pruned.
    """
    named = [project.at(name) for name in needed.remotes if name in project.remotes and name != project.remote_name]
    shared = [at.remote_name or "" for at in [project, *named] if at.remote_name and not is_own(at)]
    if shared and not options.force:
        if project.remote_name in shared or not project.remote_name:
            raise CPVError(
                "other repositories may use this remote, and what they need is not known here",
                where=f"remote {', '.join(shared)}",
                fix="dvc cpv prune --remote --force, if only this repository uses it",
            )
        warn(f"other repositories may use remote {', '.join(shared)}, so nothing is removed there (--force does)")
        named = [at for at in named if at.remote_name not in shared]
    return [project, *named] if project.remote_name or not named else named


def is_own(project: Project) -> bool:
    """Whether the remote at hand is this model's alone, by its address."""
    config, path = project.config, urlsplit(project.remote_url or "").path.rstrip("/")
    return bool(config.team and config.model and path.endswith(f"/{config.team}/{config.model}"))


def _part(remote: Remote, needed: Needed, options: PruneOptions) -> RemotePart:
    inventory = inventory_of(remote)
    if inventory is None:
        raise CPVError("this kind of remote cannot be pruned", where=remote.url, fix="dvc cpv prune, without --remote")
    now = time.time()
    old = {oid: seen for oid, seen in inventory.everything().items() if _is_older(seen, now - options.grace)}
    keep = needed.everything() if old.keys() - needed.plainly() else old.keys()
    doomed = [
        Doomed(oid, seen.size or 0, seen.modified or 0.0, "nothing needs it")
        for oid, seen in sorted(old.items())
        if oid not in keep
    ]
    return RemotePart(
        remote.url, inventory, tuple(doomed), tuple(inventory.leftovers(now - min(options.grace, ABANDONED)))
    )


def _is_older(seen: Seen, moment: float) -> bool:
    """Whether an object is known to have lain there, unchanged, since before a moment."""
    return seen.modified is not None and seen.modified < moment
