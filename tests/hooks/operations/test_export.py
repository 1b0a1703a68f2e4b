"""A version in the form that another tool takes: verified, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from cpv_hooks.errors import CPVError
from cpv_hooks.operations.export.export import ExportedVersion, Format, plan_export
from cpv_hooks.project.project import Project
from dvc_cpv_plugin import DownloadError, ModelsCheckpointsManage
from support import engine
from support.repos import ModelRepo
from support.stored import contents

FILES = {
    "model.bin": b"weights" * 1000,
    "metrics.log": b'{"loss": 0.5}\n',
    "tokenizer/vocab": b"a b c",
    "tokenizer/deep/merges": b"ab",
}


def export(repo: ModelRepo, to: Path, form: Format = "dir", *, manifest: bool = False) -> ExportedVersion:
    project = Project.find_all(engine.git_repo(repo))[0]
    return plan_export(project, None, to, form, manifest=manifest).run()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("is_cached", [True, False])
def test_a_folder(versions: ModelRepo, tmp_path: Path, is_cached: bool) -> None:
    if not is_cached:
        shutil.rmtree(versions.path / ".dvc/cache")
    before = (versions.tree(), versions.changes(), versions.head())
    to = tmp_path / "out/release"
    found = export(versions, to)
    assert contents(to) == FILES
    assert found.files == {name: sha256(data) for name, data in FILES.items()}
    assert (found.tag, found.commit, found.folder) == ("v0.0", versions.head(), to)
    assert (versions.tree(), versions.changes(), versions.head()) == before
    assert [path.name for path in to.parent.iterdir()] == ["release"]


def test_an_empty_folder_is_filled(versions: ModelRepo, tmp_path: Path) -> None:
    to = tmp_path / "release"
    to.mkdir()
    export(versions, to)
    assert contents(to) == FILES


def test_a_damaged_object_is_fetched_anew(versions: ModelRepo, tmp_path: Path) -> None:
    oid = hashlib.md5(FILES["model.bin"]).hexdigest()
    path = versions.path / ".dvc/cache/files/md5" / oid[:2] / oid[2:]
    path.chmod(0o644)
    path.write_bytes(b"damaged")
    export(versions, tmp_path / "release")
    assert contents(tmp_path / "release") == FILES


def refused(repo: ModelRepo, to: Path, **options: Any) -> str:
    before = contents(to.parent)
    with pytest.raises(CPVError) as raised:
        export(repo, to, **options)
    assert contents(to.parent) == before
    return str(raised.value)


def test_a_place_that_is_taken(versions: ModelRepo, tmp_path: Path) -> None:
    full = tmp_path / "places/full"
    full.mkdir(parents=True)
    (full / "notes").write_text("mine")
    assert refused(versions, full) == f"{full}: is not empty; fix: name another --to"
    file = full / "notes"
    assert refused(versions, file) == f"{file}: there is a file where a folder should be; fix: name another --to"
    assert refused(versions, file / "x") == f"{file}: there is a file where a folder should be; fix: name another --to"
    assert refused(versions, versions.path / ".git/x").endswith("reserved for Git and DVC; fix: name another --to")


def test_a_killed_export_leaves_no_folder_and_the_next_one_is_whole(versions: ModelRepo, tmp_path: Path) -> None:
    to = tmp_path / "release"
    script = (
        "import os, sys, cpv_hooks.operations.export.export as it\n"
        "from dvc_cpv_plugin.cli import main\n"
        "it.os.rename = lambda *names: os.kill(os.getpid(), 9)\n"
        "main(['export', '--to', sys.argv[1]])"
    )
    versions.python("-c", script, to, status=-9)
    assert not to.exists()
    (left,) = tmp_path.glob(".release*")
    export(versions, to)
    assert contents(to) == FILES
    assert not left.exists()


# Hugging Face


def card(folder: Path) -> tuple[dict[str, Any], str]:
    _, header, body = (folder / "README.md").read_text().split("---\n", 2)
    return YAML(typ="safe").load(header), body


@pytest.mark.compatibility("Import and export", "to a Hugging Face repository, with a model card")
def test_a_hugging_face_repository(versions: ModelRepo, tmp_path: Path) -> None:
    found = export(versions, tmp_path / "hub", "hf")
    header, body = card(tmp_path / "hub")
    assert header == {
        "tags": ["dvc-cpv"],
        "model-index": [
            {
                "name": "resnet",
                "results": [
                    {
                        "task": {"type": "other"},
                        "dataset": {"type": "private", "name": "data-v0.0"},
                        "metrics": [{"type": "loss", "value": 0.5, "name": "loss"}],
                    }
                ],
            }
        ],
    }
    assert body.startswith("# resnet v0.0\n\nfirst\n\n")
    assert f"commit `{versions.head()}`" in body
    assert "| loss | 0.5 |" in body
    assert "| model.bin | 7.0 kB |" in body
    rest = contents(tmp_path / "hub")
    assert sha256(rest.pop("README.md")) == found.files["README.md"]
    assert rest == FILES


def test_a_model_folder_is_the_top_of_the_repository(versions: ModelRepo, tmp_path: Path) -> None:
    versions.write(".cpv.toml", '[artifacts]\nmodel = ["model"]\ndata = ["data"]\nmetrics = ["metrics.log"]\n')
    for name in ("config.json", "weights/a.safetensors", "README.md"):
        versions.write(f"model/{name}", name)
    versions.git("rm", "-q", "model.bin.dvc", "tokenizer.dvc")
    versions.dvc("add", "-q", "model")
    versions.git("add", "-A")
    versions.commit("a folder")
    export(versions, tmp_path / "hub", "hf")
    assert contents(tmp_path / "hub") == {
        "config.json": b"config.json",
        "weights/a.safetensors": b"weights/a.safetensors",
        "README.md": b"README.md",
        "metrics.log": FILES["metrics.log"],
    }


# The manifest


@pytest.mark.compatibility("Import and export", "a manifest for OpenSSF's model signing")
def test_a_manifest(versions: ModelRepo, tmp_path: Path) -> None:
    export(versions, tmp_path / "release", manifest=True)
    statement = json.loads((tmp_path / "release/manifest.intoto.json").read_bytes())
    rows = [{"name": name, "algorithm": "sha256", "digest": sha256(FILES[name])} for name in sorted(FILES)]
    assert statement["predicate"]["resources"] == rows
    root = sha256(b"".join(bytes.fromhex(row["digest"]) for row in rows))
    assert statement["subject"] == [{"name": "resnet", "digest": {"sha256": root}}]
    assert statement["predicateType"] == "https://model_signing/signature/v1.0"


# OCI


def blob(folder: Path, descriptor: dict[str, Any]) -> bytes:
    algorithm, _, digest = descriptor["digest"].partition(":")
    data = (folder / "blobs" / algorithm / digest).read_bytes()
    assert (sha256(data), len(data)) == (digest, descriptor["size"])
    return data


@pytest.mark.compatibility("Import and export", "to an OCI image layout (ModelPack)")
def test_an_oci_layout(versions: ModelRepo, tmp_path: Path) -> None:
    to = tmp_path / "image"
    export(versions, to, "oci", manifest=True)
    assert sorted(path.name for path in to.iterdir()) == ["blobs", "index.json", "oci-layout"]
    assert json.loads((to / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    (entry,) = json.loads((to / "index.json").read_bytes())["manifests"]
    assert entry["annotations"] == {"org.opencontainers.image.ref.name": "v0.0"}
    manifest = json.loads(blob(to, entry))
    assert manifest["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"
    files = {row["annotations"]["org.cncf.model.filepath"]: blob(to, row) for row in manifest["layers"]}
    assert {name: files.pop(name) for name in FILES} == FILES
    assert sorted(files) == ["README.md", "manifest.intoto.json"]
    types = {row["annotations"]["org.cncf.model.filepath"]: row["mediaType"] for row in manifest["layers"]}
    assert types["model.bin"] == "application/vnd.cncf.model.weight.v1.raw"
    assert types["tokenizer/vocab"] == "application/vnd.cncf.model.weight.config.v1.raw"
    assert types["metrics.log"] == types["README.md"] == "application/vnd.cncf.model.doc.v1.raw"
    config = json.loads(blob(to, manifest["config"]))
    assert config["descriptor"]["revision"] == versions.head()
    assert config["modelfs"]["diffIds"] == [row["digest"] for row in manifest["layers"]]


def test_as_a_person_types_it(versions: ModelRepo, tmp_path: Path) -> None:
    to = tmp_path / "release"
    shown = versions.cpv("export", "v0.0", "--to", to, "--dry-run").out
    assert shown == f"would file: write 4 files (7.0 kB) to {to} as the files at their paths\n"
    assert not to.exists()
    found = json.loads(versions.cpv("export", "v0.0", "--to", "../release", "--json").out)
    assert (found["tag"], found["folder"], len(found["files"])) == ("v0.0", str(to), 4)
    assert versions.cpv("export", "--to", "../again").out == f"{tmp_path / 'again'}\n"
    said = versions.cpv("export", "v9.9", "--to", "../more", status=1).err
    assert said.startswith("cpv: ")
    assert "'v9.9' is no model version (the last ones are v0.0); fix: git fetch --tags" in said


def test_from_python(versions: ModelRepo, tmp_path: Path) -> None:
    models = ModelsCheckpointsManage("vision", "resnet", repo_path=versions.path, working_dir=tmp_path)
    found = models.export_version("hub", format="hf")
    assert (found.folder, found.format) == (tmp_path / "hub", "hf")
    shutil.rmtree(versions.path / ".dvc/cache")
    assert contents(models.export_version("fetched").folder) == FILES
    with pytest.raises(DownloadError, match="'zip' is not a format; fix: name one of dir, hf, oci"):
        models.export_version("more", format="zip")  # type: ignore[arg-type]
    assert not (tmp_path / "more").exists()
