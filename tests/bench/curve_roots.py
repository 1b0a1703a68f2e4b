"""How cost grows with the number of models that have a DVC root each, in one repository."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from bench.bench import NO_HOOKS, Bench, say
from bench.curves import Curve, curve
from bench.measure import Contest, Contestant, Row, run

POINTER = "outs:\n- md5: {oid}\n  size: {size}\n  hash: md5\n  path: model.bin\n"
CONFIG = "[core]\n    remote = storage\n['remote \"storage\"']\n    url = {url}\n"
SETTINGS = '[cpv]\nteam = "bench"\nmodel = "model-{number}"\n[artifacts]\nmodel = ["model.bin"]\n'


def rows(bench: Bench) -> Iterator[Curve]:
    """What a look, a commit of code and a commit of one model cost."""
    found: dict[int, Row] = {}
    for roots in bench.form.artifacts:
        say(f"curve-roots: {roots}")
        found[roots] = _row(bench, roots)
    yield curve("roots", "Models with a DVC root each, in one repository", "models", found)


def _row(bench: Bench, roots: int) -> Row:
    folder = bench.cpv_repository(f"roots-{roots}", "")
    for number in range(roots):
        _make(folder / "models" / str(number), number, Path(f"{folder}-storage"))
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-qm", "models")

    def train(number: int) -> None:
        (folder / "models/0/model.bin").write_text(f"trained in round {number}\n")

    nothing = ["git", "commit", "--allow-empty", "-qm", "nothing"]
    bare = ["git", *NO_HOOKS, *nothing[1:]]
    steps = [
        Contestant("cpv status", folder, lambda number: ["cpv", "status"]),
        Contestant("git commit, one model", folder, lambda number: ["git", "commit", "-qm", "one"], train),
        Contestant("git commit, nothing new", folder, lambda number: nothing),
        Contestant("git commit, nothing new, without hooks", folder, lambda number: bare),
    ]
    row = Contest(f"{roots} DVC roots", steps, bench.form.rounds, turn=False).run()
    for path in (folder, Path(f"{folder}-storage")):
        shutil.rmtree(path)
    return row


def _make(root: Path, number: int, storage: Path) -> None:
    """A DVC root and its model, as `dvc init --subdir` and `dvc add` leave them."""
    data = f"model {number}\n".encode()
    oid = hashlib.md5(data).hexdigest()
    (root / ".dvc").mkdir(parents=True)
    (root / ".dvc/config").write_text(CONFIG.format(url=storage))
    (root / ".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n")
    (root / ".cpv.toml").write_text(SETTINGS.format(number=number))
    (root / ".gitignore").write_text("/model.bin\n")
    (root / "model.bin").write_bytes(data)
    (root / "model.bin.dvc").write_text(POINTER.format(oid=oid, size=len(data)))
    place = root / ".dvc/cache/files/md5" / oid[:2] / oid[2:]
    place.parent.mkdir(parents=True)
    place.write_bytes(data)
    place.chmod(0o444)
