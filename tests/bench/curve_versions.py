"""How cost grows with the number of versions in a history."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench.bench import Bench, say
from bench.curves import Curve, curve
from bench.measure import Contest, Contestant, Row, run

MESSAGE = """{tag}: trained

model    model.bin  {size} bytes  changed

Cpv-Line: model
Cpv-Automatic: true
Cpv-Artifact: kind=model hash={oid} size={size} path="model.bin"
"""
POINTER = "outs:\n- md5: {oid}\n  size: {size}\n  hash: md5\n  path: model.bin\n"
BEGAN = 1_700_000_000


def rows(bench: Bench) -> Iterator[Curve]:
    """What people do in a repository with a long past."""
    found: dict[int, Row] = {}
    for versions in bench.form.versions:
        say(f"curve-versions: {versions}")
        found[versions] = _row(bench, versions)
    yield curve("versions", "Versions of a model in one history", "versions", found)


def _row(bench: Bench, versions: int) -> Row:
    folder = bench.cpv_repository(f"versions-{versions}", "")
    origin = folder.with_name(f"{folder.name}-origin.git")
    _past(folder, versions)
    listed = len(run(folder, "cpv", "model", "list-tags").splitlines())
    if listed != versions:
        raise SystemExit(f"{listed} of {versions} versions are listed")
    run(folder, "git", "clone", "-q", "--bare", "--no-hardlinks", str(folder), str(origin))
    run(folder, "git", "remote", "add", "origin", str(origin))

    def train(number: int) -> None:
        (folder / "model.bin").write_text(f"trained in round {number}\n")

    def train_and_commit(number: int) -> None:
        (folder / "model.bin").write_text(f"to push in round {number}\n")
        run(folder, "git", "commit", "-qm", "trained")

    there_and_back = ["sh", "-c", "git checkout -q v0.0 && git checkout -q main"]
    steps = [
        Contestant("git commit, a new version", folder, lambda number: ["git", "commit", "-qm", "trained"], train),
        Contestant(
            "git commit, nothing new", folder, lambda number: ["git", "commit", "--allow-empty", "-qm", "nothing"]
        ),
        Contestant("git checkout v0.0 and back", folder, lambda number: there_and_back),
        Contestant(
            "git push, a new version", folder, lambda number: ["git", "push", "-q", "origin", "main"], train_and_commit
        ),
        Contestant("next tag: cpv tag", folder, lambda number: ["cpv", "tag"]),
        Contestant("list: cpv model list-tags", folder, lambda number: ["cpv", "model", "list-tags"]),
        Contestant("look: cpv prune", folder, lambda number: ["cpv", "prune"]),
    ]
    row = Contest(f"{versions} versions", steps, bench.form.rounds, turn=False).run()
    for path in (folder, origin, Path(f"{folder}-storage")):
        shutil.rmtree(path)
    return row


def _past(folder: Path, versions: int) -> None:
    """Versions as hooks would have made them, each with its tag and its object in the cache and on the remote."""
    stores = [folder / ".dvc/cache/files/md5", Path(f"{folder}-storage/files/md5")]
    (folder / "model.bin").write_bytes(_content(0))
    run(folder, "git", "commit", "-qm", "first")
    stream = ["feature done"]
    for number in range(1, versions):
        content = _content(number)
        oid = hashlib.md5(content).hexdigest()
        for store in stores:
            place = store / oid[:2] / oid[2:]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            place.chmod(0o444)
        stream.append(_version(number, oid, len(content)))
    stream.append("done\n")
    # Without hooks: what they would have done is there.
    bare = ["git", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor="]
    subprocess.run([*bare, "fast-import", "--quiet"], cwd=folder, input="\n".join(stream).encode(), check=True)
    run(folder, *bare, "pack-refs", "--all")  # as `git gc` does now and then
    run(folder, "git", "reset", "-q", "--hard", "main")


def _version(number: int, oid: str, size: int) -> str:
    """A commit and its tag, as `git fast-import` reads them."""
    values = {"oid": oid, "size": size, "tag": f"v0.{number}"}
    who = f"Bench <bench@example.org> {BEGAN + number} +0000"
    return "\n".join(
        [
            "commit refs/heads/main",
            f"mark :{number}",
            f"committer {who}",
            _data("trained"),
            *(["from refs/heads/main^0"] if number == 1 else []),
            f"M 100644 inline model.bin.dvc\n{_data(POINTER.format(**values))}",
            f"tag v0.{number}\nfrom :{number}\ntagger {who}\n{_data(MESSAGE.format(**values))}",
        ]
    )


def _content(number: int) -> bytes:
    return f"the model's version {number}\n".encode()


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}"
