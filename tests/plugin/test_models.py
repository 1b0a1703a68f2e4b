"""What models are, in `dvc cpv model info` and `dvc cpv diff`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cpv_hooks.console.progress import Progress
from cpv_hooks.transfer.commits.upload_commits import publish
from support import two_versions
from support.repos import ModelRepo
from support.saved_models import content
from support.two_versions import project_of

SHARD = "model-{:05}-of-00002.safetensors"


@pytest.fixture(scope="module")
def _published(tmp_path_factory: pytest.TempPathFactory, _skeleton: Path) -> Path:
    """v0.0 with a PyTorch file and a folder of shards, v0.1 with other tensors; its remote lies beside it."""
    from support import repos

    place = tmp_path_factory.mktemp("models")
    files = {"model.pt": content("torch.pt")}
    for name in ("config.json", "model.safetensors.index.json", *(SHARD.format(number) for number in (1, 2))):
        files[f"weights/{name}"] = content(f"sharded/{name}")
    settings = repos.SETTINGS + '\n[artifacts]\nmodel = ["model.pt", "weights"]\n'
    repo = repos.make(
        place / "repo", _skeleton, remote=f"../../{two_versions.STORAGE}", settings=settings, files=files, install=False
    )
    repo.git("tag", "v0.0")
    two_versions.save(repo, {"model.pt": content("torchscript.pt")})
    repo.git("tag", "v0.1")
    return place


@pytest.fixture
def model(_published: Path, tmp_path: Path) -> ModelRepo:
    shutil.copytree(_published, tmp_path, dirs_exist_ok=True)
    return ModelRepo(tmp_path / "repo")


def info(model: ModelRepo, *args: str, status: int = 0) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(model.cpv("model", "info", "--json", *args, status=status).out)["models"]
    return found


def test_model_info(model: ModelRepo) -> None:
    whole, folder = info(model, "--tag", "v0.0")
    assert (whole["path"], whole["format"], whole["parameters"]) == ("model.pt", "PyTorch", 23)
    assert whole["dtypes"] == {"F32": 15, "BF16": 8}
    assert whole["tensors"][0] == {"name": "0.weight", "shape": [3, 4], "dtype": "F32", "nbytes": 48, "file": None}
    assert (folder["path"], folder["format"]) == ("weights", "Hugging Face folder of safetensors")
    assert [tensor["file"] for tensor in folder["tensors"]] == [SHARD.format(1), SHARD.format(2)]
    assert (folder["metadata"]["model_type"], folder["errors"], folder["notes"]) == ("tiny", [], [])


def test_as_text(model: ModelRepo) -> None:
    lines = model.cpv("model", "info", "--tag", "v0.0").lines
    assert lines[lines.index("models:") :] == [
        "models:",
        "  model.pt: PyTorch, 23 parameters in 4 tensors (F32 15, BF16 8)",
        "    verdict on its pickles: innocuous",
        "  weights: Hugging Face folder of safetensors, 8 parameters in 2 tensors (F32 6, F16 2)",
        "    model_type: tiny",
        "    architectures: TinyModel",
    ]
    lines = model.cpv("model", "info", "--tag", "v0.0", "--tensors").lines
    assert "    0.weight  F32 [3, 4]" in lines
    assert f"    layer.weight  F32 [2, 3]  {SHARD.format(1)}" in lines


def test_of_a_format_without_a_reader_it_says_what_is_known(tmp_path: Path) -> None:
    model = two_versions.copy(tmp_path)
    facts = "(7 B, md5 63f4f1e9b725370f459720575cd5f953, kind model)"
    lines = model.cpv("model", "info", "--tag", "v0.0").lines
    assert lines[lines.index("models:") :] == [
        "models:",
        f"  model.bin: its format has no reader here {facts}",
        '    note: a plugin\'s cpv_model_reader adds a format: docs/models.md, "A reader of your own"',
    ]
    for place in (model.path / ".dvc/cache", tmp_path / two_versions.STORAGE):
        shutil.rmtree(place)
    lines = model.cpv("model", "info", "--tag", "v0.0").lines
    assert lines[lines.index("models:") + 1 :] == [f"  model.bin: neither the cache nor the remote has it {facts}"]
    place = "    url = s3://bucket/models\n    endpointurl = http://127.0.0.1:9\n"
    model.write(".dvc/config", f"[core]\n    remote = storage\n['remote \"storage\"']\n{place}")
    said = "the cache lacks it, and the remote gave no answer; dvc cpv verify v0.0 says why"
    assert model.cpv("model", "info", "--tag", "v0.0").lines[-1] == f"  model.bin: {said} {facts}"
    assert "http://127.0.0.1:9 does not answer" in model.cpv("verify", "v0.0", status=1).err


def test_diff(model: ModelRepo) -> None:
    (change,) = json.loads(model.cpv("diff", "--json", "v0.0", "v0.1").out)["models"]
    assert change == {
        "path": "model.pt",
        "format_before": "PyTorch",
        "format_after": "TorchScript",
        "parameters_before": 23,
        "parameters_after": 15,
        "tensors_added": ["weight", "bias"],
        "tensors_removed": ["0.weight", "0.bias", "2.weight", "2.bias"],
        "tensors_reshaped": [],
        "tensors_retyped": [],
        "same_weights": False,
        "weights": None,
        "metadata": {},
    }
    lines = model.cpv("diff", "v0.0", "v0.1").lines
    assert lines[1:6] == [
        "    format: PyTorch -> TorchScript",
        "    parameters: 23 -> 15",
        "    + weight",
        "    + bias",
        "    - 0.weight",
    ]
    assert "- parameters: 23 -&#62; 15" in model.cpv("diff", "v0.0", "v0.1", "--markdown").lines


def test_shapes_types_and_metadata_that_differ() -> None:
    from cpv_hooks.history.model_changes import compare_models
    from cpv_hooks.model_formats.record import Model, Tensor

    before = Model("x", (Tensor("a", (2, 3), "F32"), Tensor("b", (4,), "F32")), {"step": 1, "loss": float("nan")})
    after = Model("x", (Tensor("a", (3, 3), "F32"), Tensor("b", (4,), "F16")), {"step": 2, "loss": float("nan")})
    found = compare_models("m", before, after)
    assert found["tensors_reshaped"] == [{"name": "a", "before": [2, 3], "after": [3, 3]}]
    assert found["tensors_retyped"] == [{"name": "b", "before": "F32", "after": "F16"}]
    assert found["metadata"] == {"step": [1, 2]}
    assert compare_models("m", None, after)["tensors_added"] == ["a", "b"]


def test_a_file_that_is_no_model_is_one_line_and_the_rest_goes_on(model: ModelRepo) -> None:
    two_versions.save(model, {"model.pt": content("torch.pt")[:700]})
    model.git("tag", "v0.2")
    done = model.cpv("model", "info", "--tag", "v0.2", status=1)
    assert "  model.pt: PyTorch" in done.lines
    assert any(line.startswith("  weights: Hugging Face") for line in done.lines)
    assert done.err == "cpv: warning: model.pt: File is not a zip file\n"
    done = model.cpv("diff", "v0.1", "v0.2", status=1)
    assert done.err == "cpv: warning: model.pt: File is not a zip file\n"
    assert done.lines[0].startswith("~ model.pt")
    done = model.cpv("log", "--json", status=1)
    assert done.err == "cpv: warning: v0.2: model.pt: File is not a zip file\n"
    assert [one["format"] for one in json.loads(done.out)[0]["models"]][1:] == ["Hugging Face folder of safetensors"]


def test_a_report_names_what_cannot_be_read_and_shows_the_rest(model: ModelRepo, tmp_path: Path) -> None:
    (model.path / "weights" / SHARD.format(2)).unlink()
    settings = (model.path / ".cpv.toml").read_text() + 'metrics = ["metrics.log"]\n'
    files = {"model.pt": content("torch.pt")[:700], "metrics.log": b"\0junk" * 9}
    two_versions.save(model, {".cpv.toml": settings.encode(), **files})
    model.git("tag", "v0.2")
    done = model.cpv("report", "--out", tmp_path / "page.html", status=1)
    assert done.err.splitlines() == [
        "cpv: warning: v0.2: model.pt: File is not a zip file",
        f"cpv: warning: v0.2: weights: model.safetensors.index.json: shard {SHARD.format(2)} is missing",
        "cpv: warning: v0.2: metrics.log: no metrics were found in it; fix: a plugin's cpv_metrics reads other files",
    ]
    page = (tmp_path / "page.html").read_text()
    assert all(said.partition(": v0.2: ")[2].rpartition(": ")[2][:20] in page for said in done.err.splitlines())
    assert "TorchScript" in page


def test_a_shard_that_is_missing(model: ModelRepo) -> None:
    (model.path / "weights" / SHARD.format(2)).unlink()
    two_versions.save(model, {})
    model.git("tag", "v0.2")
    done = model.cpv("model", "info", "--tag", "v0.2", status=1)
    assert done.err == f"cpv: warning: weights: model.safetensors.index.json: shard {SHARD.format(2)} is missing\n"
    assert "  weights: Hugging Face folder of safetensors, 6 parameters in 1 tensors (F32 6)" in done.lines


def test_log(model: ModelRepo) -> None:
    new, old = json.loads(model.cpv("log", "--json").out)
    assert [one["format"] for one in new["models"]] == ["TorchScript", "Hugging Face folder of safetensors"]
    assert old["models"][0] == {
        "path": "model.pt",
        "format": "PyTorch",
        "parameters": 23,
        "ntensors": 4,
        "dtypes": {"F32": 15, "BF16": 8},
    }
    for name in (*old, *old["models"][0]):
        assert f"`{name}`" in (Path(__file__).parents[2] / "docs/log.md").read_text(), name
    shutil.rmtree(model.path / ".dvc/cache")
    assert [entry["models"] for entry in json.loads(model.cpv("log", "--json").out)] == [[], []], "nothing is fetched"


def test_the_documented_fields_are_the_ones_that_are_printed(model: ModelRepo) -> None:
    docs = Path(__file__).parents[2] / "docs"
    entry = info(model)[0]
    for name in (*entry, *entry["tensors"][0]):
        assert f"`{name}`" in (docs / "models.md").read_text(), name
    (change,) = json.loads(model.cpv("diff", "--json", "v0.0", "v0.1").out)["models"]
    for name in change:
        assert f"`{name}`" in (docs / "diff.md").read_text(), name


def test_same_weights_and_how_far_others_are(model: ModelRepo) -> None:
    for version, name in (("v0.2", "torch.pt"), ("v0.3", "torch-again.pt"), ("v0.4", "torch-other.pt")):
        two_versions.save(model, {"model.pt": content(name)})
        model.git("tag", version)
    (same,) = json.loads(model.cpv("diff", "--json", "v0.2", "v0.3").out)["models"]
    assert (same["same_weights"], same["weights"]) == (True, None)
    assert model.cpv("diff", "v0.2", "v0.3").lines[1:] == ["    same weights, other bytes"]
    assert "- same weights, other bytes" in model.cpv("diff", "v0.2", "v0.3", "--markdown").lines
    (other,) = json.loads(model.cpv("diff", "--json", "v0.3", "v0.4", "--weights").out)["models"]
    assert other["same_weights"] is False
    norms = {one["name"]: one["norm"] for one in other["weights"]}
    assert norms == {"0.weight": 0, "0.bias": pytest.approx(3**0.5), "2.weight": 0, "2.bias": 0}
    lines = model.cpv("diff", "v0.3", "v0.4", "--weights").lines
    assert len(lines) == 2
    assert lines[1].startswith("    0.bias  moved by 1.73205  (")
    # Without them in the cache only headers are read, unless weights are asked for.
    publish(project_of(model), ["v0.2", "v0.3"], Progress("testing"))
    shutil.rmtree(model.path / ".dvc/cache")
    (unknown,) = json.loads(model.cpv("diff", "--json", "v0.2", "v0.3").out)["models"]
    assert unknown["same_weights"] is None
    (asked,) = json.loads(model.cpv("diff", "--json", "v0.2", "v0.3", "--weights").out)["models"]
    assert asked["same_weights"] is True
    assert not (model.path / ".dvc/cache/files").exists()


def test_what_a_file_says_does_not_drive_a_terminal(model: ModelRepo) -> None:
    index = {"weight_map": {"a": "\x1b[2Jshard"}}
    model.write("weights/model.safetensors.index.json", json.dumps(index))
    header = json.dumps({"\x1b[2Jname": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}).encode()
    model.write("weights/" + SHARD.format(1), len(header).to_bytes(8, "little") + header + b"1")
    two_versions.save(model, {})
    model.git("tag", "v0.2")
    done = model.cpv("model", "info", "--tag", "v0.2", "--tensors", status=1)
    assert "\x1b" not in done.out + done.err
    assert r"    \x1b[2Jname  U8 [1]" in "\n".join(done.lines)
    assert r"shard \x1b[2Jshard is missing" in done.err
