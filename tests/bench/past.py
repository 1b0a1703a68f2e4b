"""A long past of one model, made in seconds."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from bench.bench import NO_HOOKS
from bench.measure import run

MESSAGE = """{tag}: trained

model    model.bin  {size} bytes  changed

Cpv-Line: model
Cpv-Automatic: true
Cpv-Artifact: kind=model hash={oid} size={size} path="model.bin"
Cpv-Metric: loss={loss:.6f}
"""
POINTER = "outs:\n- md5: {oid}\n  size: {size}\n  hash: md5\n  path: model.bin\n"
BEGAN = 1_700_000_000


def make_past(folder: Path, versions: int, tag: str = "v0.{}", first: int = 0) -> None:
    """Versions as hooks would have made them, each with its tag and its object in the cache and on the remote.

    The first is made by the hooks themselves; `first` is the number in its tag.
    """
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
        stream.append(_version(number, tag.format(number + first), oid, len(content)))
    stream.append("done\n")
    # Without hooks: what they would have done is there.
    bare = ["git", *NO_HOOKS]
    subprocess.run([*bare, "fast-import", "--quiet"], cwd=folder, input="\n".join(stream).encode(), check=True)
    run(folder, *bare, "pack-refs", "--all")  # as `git gc` does now and then
    run(folder, "git", "reset", "-q", "--hard", "main")


def _version(number: int, tag: str, oid: str, size: int) -> str:
    """A commit and its tag, as `git fast-import` reads them."""
    values = {"oid": oid, "size": size, "tag": tag, "loss": 1 / number}
    who = f"Bench <bench@example.org> {BEGAN + number} +0000"
    return "\n".join(
        [
            "commit refs/heads/main",
            f"mark :{number}",
            f"committer {who}",
            _data("trained"),
            *(["from refs/heads/main^0"] if number == 1 else []),
            f"M 100644 inline model.bin.dvc\n{_data(POINTER.format(**values))}",
            f"tag {tag}\nfrom :{number}\ntagger {who}\n{_data(MESSAGE.format(**values))}",
        ]
    )


def _content(number: int) -> bytes:
    return f"the model's version {number}\n".encode()


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}"
