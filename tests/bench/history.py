"""How long it takes to see all versions of a repository: CPV, GTO and DVC beside Git's own commands."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.bench import Bench, missing, say
from bench.engine import READ_HISTORY
from bench.measure import Contest, Contestant, Row, Target, run
from bench.past import make_past
from cpv_hooks import state_files

GIT = "git for-each-ref refs/tags >/dev/null && git cat-file --batch <../{}-objects >/dev/null"
"""Every tag, commit, tree and pointer of the versions, printed."""
REFS = "--format=%(refname:short) %(creatordate) %(*authorname) %(subject)"
_OBJECTS = "%(objectname)\n%(*objectname)\n%(*objectname)^{tree}\n%(*objectname):model.bin.dvc"
_FEW, _SOME = 100, 1000
"""Versions: of more than a few, `dvc exp show` takes minutes and `gto show` is asked once; of more than some, hours."""
_PATIENCE = 900
"""Seconds that a peer is waited for."""


def rows(bench: Bench) -> Iterator[Row]:
    """One repository for each number of versions. Its tags are GTO's, so that `gto show` sees them too."""
    for versions in bench.form.history:
        say(f"history: {versions}")
        folder = bench.cpv_repository(f"history-{versions}", '[tags]\nscheme = "gto"\n[push]\nwhen = "never"\n')
        make_past(folder, versions, "bench@v0.0.{}", first=1)
        yield from _rows(bench, folder, versions)
        shutil.rmtree(folder)


def _rows(bench: Bench, folder: Path, versions: int) -> Iterator[Row]:
    listed = len(run(folder, "cpv", "log").splitlines())
    if listed != versions:
        raise SystemExit(f"{listed} of {versions} versions are listed")
    names = run(folder, "git", "for-each-ref", f"--format={_OBJECTS}", "refs/tags")
    objects = Path(f"{folder}-objects")
    objects.write_text(names)
    found = run(folder, "sh", "-c", f"git cat-file --batch-check='%(objectname)' <../{objects.name}")
    objects.write_text("".join(f"{oid}\n" for oid in dict.fromkeys(found.split())))
    bare = Contestant("git for-each-ref, git cat-file", folder, lambda number: ["sh", "-c", GIT.format(folder.name)])
    reader = Contestant("cpv: the reader", folder, lambda number: [sys.executable, "-c", READ_HISTORY])
    first = replace(reader, name="cpv: the reader, the first time", prepare=lambda number: _forget(folder))
    target = Target(bare.name, 1.5) if versions > _SOME else None
    contestants, notes = (
        [reader, first, bare],
        ["what the first time read of many versions is kept in .git/cpv/history"],
    )
    yield Contest(f"{versions} versions read", contestants, bench.form.rounds, 1, target=target, notes=notes).run()
    log = [
        Contestant("cpv log -n 10", folder, lambda number: ["cpv", "log", "-n", "10"]),
        Contestant("cpv log", folder, lambda number: ["cpv", "log"]),
    ]
    once = None if versions <= _FEW else 1
    slow = [
        (_SOME, Contestant("gto show", folder, lambda number: ["gto", "show", "bench"], rounds=once)),
        (_FEW, Contestant("dvc exp show --all-tags", folder, lambda number: ["dvc", "exp", "show", "-T"], rounds=1)),
    ]
    notes = missing("gto")
    for most, peer in slow:
        if versions > most and not bench.form.patient:
            notes.append(f"{peer.name} takes part with --full")
        elif shutil.which(peer.name.split()[0]):
            log.append(replace(peer, limit=_PATIENCE))
    log.append(Contestant("git for-each-ref", folder, lambda number: ["git", "for-each-ref", REFS, "refs/tags"]))
    aim = Target("gto show", 0.15, cpu=True)
    yield Contest(f"{versions} versions listed", log, bench.form.rounds, target=aim, notes=notes).run()


def _forget(folder: Path) -> None:
    """As if no process had read the history before."""
    (folder / ".git" / state_files.FOLDER / state_files.HISTORY).unlink(missing_ok=True)
