"""scikit-learn learns the digits; each epoch is a plain `git commit`, and every tag can be gone back to."""

from __future__ import annotations

import json
from pathlib import Path

from conftest import MakeRepo

from support.repos import ModelRepo, object_names
from support.seaweed import Server
from support.shell import Shell

EPOCHS = 5
SETTINGS = """[cpv]
team = "vision"
model = "digits"
[artifacts]
model = ["model.bin"]
data = ["data"]
metrics = ["metrics.log"]
"""
TRAIN = '''"""Train one epoch more: `python train.py EPOCH`."""
import csv, json, pathlib, pickle, sys
import numpy as np
from sklearn.linear_model import SGDClassifier

def table(name):
    rows = [row for path in sorted(pathlib.Path("data", name).glob("*.csv")) for row in csv.reader(path.open())]
    values = np.array(rows, dtype=float)
    return values[:, 1:] / 16, values[:, 0].astype(int)

epoch = int(sys.argv[1])
model_file = pathlib.Path("model.bin")
model = pickle.loads(model_file.read_bytes()) if model_file.exists() else SGDClassifier(random_state=0)
images, labels = table("train")
model.partial_fit(images, labels, classes=range(10))
model_file.write_bytes(pickle.dumps(model))
accuracy = model.score(*table("test"))
with open("metrics.log", "a") as log:
    log.write(json.dumps({"epoch": epoch, "accuracy": round(accuracy, 4)}) + "\\n")
'''
PREDICT = """
import csv, pathlib, pickle, numpy as np
rows = [row for path in sorted(pathlib.Path("data/test").glob("*.csv")) for row in csv.reader(path.open())]
values = np.array(rows, dtype=float)
model = pickle.loads(pathlib.Path("model.bin").read_bytes())
print(round(model.score(values[:, 1:] / 16, values[:, 0].astype(int)), 4))
"""


def write_digits(repo: Shell, first: int, last: int) -> None:
    """Images `first` to `last` as CSV files of a hundred; every fifth file is for testing."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    for number in range(first // 100, last // 100):
        rows = zip(digits.target[number * 100 :][:100], digits.data[number * 100 :][:100], strict=True)
        text = "".join(",".join(str(int(value)) for value in (label, *image)) + "\n" for label, image in rows)
        repo.write(f"data/{'test' if number % 5 == 4 else 'train'}/{number:02}.csv", text)


def artifacts(repo: Shell) -> dict[str, str]:
    tree = repo.tree()
    return {name: tree[name] for name in tree if name in ("model.bin", "metrics.log") or name.startswith("data/")}


def train_and_commit(repo: ModelRepo) -> dict[str, dict[str, str]]:
    """Five epochs, with more data before the fourth. Returns what stood in the artifacts at each tag."""
    repo.write("train.py", TRAIN)
    at: dict[str, dict[str, str]] = {}
    for epoch in range(EPOCHS):
        if epoch == 0:
            write_digits(repo, 0, 1000)
        if epoch == 3:
            write_digits(repo, 1000, 1700)
        repo.python("train.py", str(epoch))
        if epoch == 0:
            repo.git("add", "train.py")
        repo.git("commit", "-m", f"epoch {epoch}")
        for tag in repo.git("tag", "--points-at", "HEAD").lines:
            at[tag] = artifacts(repo)
        assert repo.changes() == []
    return at


def travel(repo: ModelRepo, at: dict[str, dict[str, str]]) -> None:
    """To every tag, forwards, backwards, and from one end to the other; there each artifact is what it was."""
    tags = list(at)
    for tag in [*tags, *reversed(tags), tags[0], tags[-1]]:
        repo.git("checkout", "-q", tag)
        assert artifacts(repo) == at[tag], tag
        assert repo.changes() == []
        assert repo.git("diff", "--stat").out == ""
    repo.git("checkout", "-q", "main")
    assert artifacts(repo) == at[tags[-1]]


def check_metrics(repo: ModelRepo) -> None:
    """The model of a tag is the one whose accuracy its log and its tag tell."""
    for epoch in (0, EPOCHS - 1):
        repo.git("checkout", "-q", f"v0.{epoch}")
        last = json.loads(repo.read("metrics.log").splitlines()[-1])
        assert last["epoch"] == epoch
        assert float(repo.python("-c", PREDICT).out) == last["accuracy"]
        assert str(last["accuracy"]) in repo.git("tag", "-l", "--format=%(contents)", f"v0.{epoch}").out
    repo.git("checkout", "-q", "main")


def expected_tags() -> list[str]:
    return ["data-v0.0", "data-v0.1", *(f"v0.{epoch}" for epoch in range(EPOCHS))]


def pulled(repo: ModelRepo, folder: Path, secrets: Path | None = None) -> Shell:
    """A colleague's clone, by Git and DVC alone, verified."""
    Shell(folder).git("clone", "-q", repo.path, "clone")
    clone = Shell(folder / "clone")
    if secrets is not None:
        clone.write(".dvc/config.local", secrets.read_bytes())
    clone.dvc("remote", "modify", "--local", "storage", "verify", "true")
    clone.dvc("pull", "-q")
    assert clone.changes() == []
    assert clone.git("fsck", "--full", "--strict", "--no-progress").err == ""
    return clone


def test_training_on_the_local_remote(make_repo: MakeRepo, tmp_path: Path) -> None:
    """Without live status, which the one on S3 has."""
    repo = make_repo(settings=f"{SETTINGS}[status]\nlive = false\n")
    at = train_and_commit(repo)
    assert sorted(at) == expected_tags() == repo.tags()
    assert len({tuple(sorted(state.items())) for state in at.values()}) == EPOCHS, "every epoch is another state"
    travel(repo, at)
    check_metrics(repo)
    assert object_names(tmp_path / "storage/files/md5") == repo.objects()
    assert artifacts(pulled(repo, tmp_path)) == at[f"v0.{EPOCHS - 1}"]


def test_training_on_s3(make_repo: MakeRepo, s3_server: Server, tmp_path: Path) -> None:
    bucket = s3_server.make_bucket()
    repo = make_repo(remote=f"s3://{bucket}/vision/digits", server=s3_server, settings=SETTINGS)
    at = train_and_commit(repo)
    assert repo.tags() == expected_tags()
    uploaded = {"".join(key.split("/")[-2:]) for key in s3_server.keys(bucket, "vision/digits/files/md5/")}
    assert uploaded == repo.objects()

    clone = pulled(repo, tmp_path, repo.path / ".dvc/config.local")
    assert artifacts(clone) == at[f"v0.{EPOCHS - 1}"]
    # Without anything in the cache each version comes from the server.
    repo.run("rm", "-r", ".dvc/cache")
    travel(repo, at)
