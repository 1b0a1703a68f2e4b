"""What other tools made comes in, and what goes out is what they take."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MakeRepo

from support import inside, stand_in
from support.moved import SETTINGS, check_mlflow
from support.repos import ModelRepo
from support.shell import Shell


@pytest.fixture
def version(make_repo: MakeRepo) -> ModelRepo:
    files = {"model.bin": b"weights" * 1000, "metrics.log": '{"loss": 0.5, "acc": 0.9}\n', "tokenizer/vocab": "a b"}
    return make_repo(files=files)


# Out


def test_the_hub_reads_the_model_card(version: ModelRepo, tmp_path: Path) -> None:
    from huggingface_hub import ModelCard  # type: ignore[import-not-found]  # in an environment of its own

    version.cpv("export", "v0.0", "--to", "../hub", "--format", "hf")
    results = ModelCard.load(tmp_path / "hub/README.md").data.eval_results
    assert {result.metric_type: result.metric_value for result in results} == {"loss": 0.5, "acc": 0.9}


def test_skopeo_copies_the_layout(version: ModelRepo, tmp_path: Path) -> None:
    version.cpv("export", "v0.0", "--to", "../image", "--format", "oci", "--manifest")
    shell = Shell(tmp_path)
    manifest = json.loads(shell.run("skopeo", "inspect", "--raw", "oci:image:v0.0").out)
    assert manifest["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"
    shell.run("skopeo", "--insecure-policy", "copy", "oci:image:v0.0", "oci:copy:v0.0")
    blobs = {path.name for path in (tmp_path / "copy/blobs/sha256").iterdir()}
    assert {row["digest"].removeprefix("sha256:") for row in manifest["layers"]} <= blobs


@pytest.mark.parametrize("form", ["dir", "hf"])
def test_model_signing_agrees_with_the_manifest(version: ModelRepo, tmp_path: Path, form: str) -> None:
    from model_signing import hashing  # type: ignore[import-not-found]  # likewise
    from model_signing._signing import signing  # type: ignore[import-not-found]

    version.cpv("export", "v0.0", "--to", "../release", "--format", form, "--manifest")
    own = Path("manifest.intoto.json")
    config = hashing.Config().use_file_serialization(ignore_paths=[own])
    theirs = config.set_ignored_paths(paths=[own], ignore_git_paths=False).hash(tmp_path / "release")
    assert signing.dsse_payload_to_manifest(json.loads((tmp_path / "release" / own).read_bytes())) == theirs


# In


@pytest.mark.parametrize("kind", ["database", "folder"])
def test_a_store_that_mlflow_writes(make_repo: MakeRepo, tmp_path: Path, kind: str) -> None:
    writer = Path(__file__).parents[1] / "support/write_mlflow.py"
    store = "sqlite:///../mlflow.db" if kind == "database" else "../mlruns"
    uri = "sqlite:///mlflow.db" if kind == "database" else str(tmp_path / "mlruns")
    subprocess.run([sys.executable, writer, uri, "artifacts"], cwd=tmp_path, check=True, capture_output=True)
    check_mlflow(make_repo(settings=SETTINGS), store)


def test_a_run_that_wandb_writes(make_repo: MakeRepo, tmp_path: Path) -> None:
    writer = Path(__file__).parents[1] / "support/write_wandb.py"
    places = {f"WANDB_{name}_DIR": str(tmp_path / name) for name in ("DATA", "CACHE", "CONFIG")}
    Shell(tmp_path).run(sys.executable, writer, env=places)
    repo = make_repo(settings=SETTINGS)
    done = inside.cpv(repo.path, "migrate", "wandb", "../wandb")
    assert [line.split("\t")[0] for line in done.lines] == ["v0.0", "v0.1"], done.text
    assert repo.read("model/sub/model.pt") == b"weights 2"


def lfs_repository(make_repo: MakeRepo) -> ModelRepo:
    repo = make_repo(install=False)
    repo.git("lfs", "install", "--local")
    repo.git("lfs", "track", "*.bin")
    for number in (1, 2):
        repo.write("model.bin", f"weights {number}" * 100)
        repo.write("data/a.bin", f"data {number}" * 100)
        repo.git("add", "-A")
        repo.git("commit", "-q", "-m", f"commit {number}")
    return repo


def test_head_of_a_repository_of_git_lfs(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = lfs_repository(make_repo)
    repo.git("init", "-q", "--bare", "../bare")
    url = (tmp_path / "bare").as_uri()
    repo.git("push", "-q", url, "HEAD:main")
    repo.git("clone", "-q", url, "../clone", env={"GIT_LFS_SKIP_SMUDGE": "1"})
    clone = ModelRepo(tmp_path / "clone")
    assert clone.read("model.bin").startswith(b"version https://git-lfs")
    stand_in.install(clone.path)
    # Its objects are fetched by git-lfs.
    done = inside.cpv(clone.path, "migrate", "lfs")
    assert done.out == "2 files (1.5 kB) moved from Git LFS to DVC: v0.0, data-v0.0\n", done.text
    assert (clone.read("model.bin"), clone.read("data/a.bin")) == (b"weights 2" * 100, b"data 2" * 100)
    assert (clone.changes(), clone.git("lfs", "ls-files").out) == ([], "")
    clone.write("model.bin", "more")
    clone.commit("goes on")
    assert clone.tags() == ["data-v0.0", "v0.0", "v0.1"]


def test_history_of_a_repository_of_git_lfs(make_repo: MakeRepo) -> None:
    repo = lfs_repository(make_repo)
    stand_in.install(repo.path)
    done = inside.cpv(repo.path, "migrate", "lfs", "--everything")
    assert done.lines[-1] == "4 objects (3.0 kB) moved from Git LFS to DVC in 2 commits", done.text
    assert (repo.changes(), repo.git("lfs", "ls-files", "main").out) == ([], "")
    assert repo.git("lfs", "ls-files", "refs/original/refs/heads/main").out != ""
    repo.git("checkout", "-q", "HEAD~")
    assert (repo.read("model.bin"), repo.read("data/a.bin")) == (b"weights 1" * 100, b"data 1" * 100)
