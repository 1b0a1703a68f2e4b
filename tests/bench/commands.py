"""What people wait for at a prompt: CPV's short commands and a small commit, beside an earlier CPV and its peers."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.bench import Bench, fill, missing
from bench.measure import Contest, Contestant, Row, Target, run
from bench.past import make_past
from bench.revision import build

SETTINGS = '[tags]\nscheme = "gto"\n[push]\nwhen = "never"\n'
NEWEST = "bench@v0.0.{}"
_ASKS = {
    "cpv status": 0.2,
    "cpv log": 0.2,
    "cpv model list-tags": 0.2,
    "cpv model info": 0.2,
    "cpv checkpoint list": 0.2,
    "cpv rescue list": 0.2,
    "dvc cpv status": 0.6,
    "cpv --help": 0.3,
    "cpv tag --help": 0.3,
}
"""Commands, and what they are to cost against 7e35e6c, in processor time."""
_MODEL = 1 << 20


def rows(bench: Bench) -> Iterator[Row]:
    """The same repository for each revision, with the hooks of that one."""
    versions = min(100, bench.form.versions[-1])
    ours = bench.cpv_repository("commands", SETTINGS)
    make_past(ours, versions, NEWEST, first=1)
    folders = {"": ours}
    programs = {"": ""}
    if bench.against:
        name = f" at {bench.against[:10]}"
        programs[name] = f"{build(bench, bench.against)}{os.pathsep}"
        folders[name] = bench.cpv_repository("commands-against", SETTINGS)
        make_past(folders[name], versions, NEWEST, first=1)
        # Its own settings of Git's as well: what another revision left of them an earlier one may not understand.
        run(folders[name], "cpv", "uninstall")
        run(folders[name], *_with(programs[name]), "cpv", "install")
    for command, aim in _ASKS.items():
        words = command.split()
        contestants = [
            _asking(f"{command}{name}", folder, [*_with(programs[name]), *words])
            for name, folder in folders.items()
            if _is_known(folder, [*_with(programs[name]), *words])
        ]
        if shutil.which("gto"):
            contestants.append(_asking("gto show", ours, ["gto", "show", "bench"]))
        contestants.append(_asking("dvc status", ours, ["dvc", "status", "-q"]))
        target = Target("gto show", 0.15, cpu=True)
        if contestants[1].name.startswith(command):
            target = Target(contestants[1].name, aim, cpu=True)
        work, notes = f"{command}, {versions} versions", missing("gto")
        yield Contest(work, contestants, bench.form.rounds, 1, target=target, notes=notes).run()
    yield _commit(bench, folders)
    for folder in folders.values():
        shutil.rmtree(folder)


def _commit(bench: Bench, folders: dict[str, Path]) -> Row:
    contestants = [
        Contestant(f"git commit{name}", folder, lambda number: ["git", "commit", "-qm", "trained"], _new_model(folder))
        for name, folder in folders.items()
    ]
    target = Target(contestants[1].name, 0.6, cpu=True) if bench.against else None
    return Contest("a commit of one model of 1 MiB", contestants, bench.form.rounds, 1, target=target).run()


def _new_model(folder: Path) -> Callable[[int], None]:
    return lambda number: fill(folder / "model.bin", _MODEL)


def _asking(name: str, folder: Path, words: Sequence[str]) -> Contestant:
    return Contestant(name, folder, lambda number: words)


def _is_known(folder: Path, words: Sequence[str]) -> bool:
    return subprocess.run(words, cwd=folder, capture_output=True, check=False).returncode == 0


def _with(programs: str) -> list[str]:
    """Programs of that folder come first; the same start for every contestant."""
    return ["env", f"PATH={programs}{os.environ['PATH']}"]
