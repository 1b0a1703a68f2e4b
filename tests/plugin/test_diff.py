"""`dvc cpv diff` as a person types it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from support import two_versions
from support.repos import ModelRepo
from support.shell import Shell


@pytest.fixture
def model(tmp_path: Path) -> ModelRepo:
    """v0.0 and v0.1, and v0.2 with settings and other metrics."""
    model = two_versions.copy(tmp_path)
    model.write("params.yaml", "train:\n  lr: 0.1\n  layers: [1, 2]\nseed: 7\n")
    two_versions.save(model, {"metrics.log": b"loss=0.5 acc=0.75\n"})
    model.git("tag", "v0.2")
    return model


def diff(model: Shell, *args: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(model.cpv("diff", "--json", *args).out)
    return found


def test_artifacts_and_the_files_of_folders(model: ModelRepo) -> None:
    found = diff(model, "v0.0", "v0.1")
    assert (found["a"], found["b"], found["settings"], found["errors"]) == ("v0.0", "v0.1", [], [])
    data, weights = found["artifacts"]
    assert data == {
        "path": "data",
        "kind": "data",
        "change": "changed",
        "size_before": 2,
        "size_after": 8,
        "md5_before": two_versions.oid_of(model, "data", "v0.0"),
        "md5_after": two_versions.oid_of(model, "data", "v0.1"),
        "hash_before": "md5",
        "hash_after": "md5",
        "files": [{"path": "a", "change": "changed", "size_before": 1, "size_after": 7}],
    }
    assert (weights["path"], weights["change"], weights["files"]) == ("model.bin", "changed", None)
    assert (weights["md5_before"], weights["md5_after"]) == (
        two_versions.md5(b"weights"),
        two_versions.md5(b"heavier weights"),
    )
    assert found["metrics"] == [{"name": "loss", "before": 1, "after": 1, "change": 0}]


def test_metrics_and_settings(model: ModelRepo) -> None:
    found = diff(model, "v0.1", "v0.2")
    assert [item["path"] for item in found["artifacts"]] == ["metrics.log"]
    assert found["metrics"] == [
        {"name": "loss", "before": 1, "after": 0.5, "change": -0.5},
        {"name": "acc", "before": None, "after": 0.75, "change": None},
    ]
    assert found["settings"] == [
        {"file": "params.yaml", "key": "train.lr", "before": None, "after": 0.1},
        {"file": "params.yaml", "key": "train.layers", "before": None, "after": "[1, 2]"},
        {"file": "params.yaml", "key": "seed", "before": None, "after": 7},
    ]


def test_with_the_work_tree(model: ModelRepo) -> None:
    assert diff(model, "HEAD")["artifacts"] == []
    model.write("params.yaml", "train:\n  lr: 0.2\n  layers: [1, 2]\n")
    model.write(".cpv.toml", (model.path / ".cpv.toml").read_text() + "[tags]\non_commit = false\n")
    model.write("metrics.log", "loss=0.25 acc=0.75\n")
    model.write("extra.txt", "new")
    model.dvc("add", "-q", "extra.txt")
    model.git("rm", "-q", "data.dvc")
    found = diff(model, "v0.2")
    assert found["b"] is None
    assert [(item["path"], item["change"]) for item in found["artifacts"]] == [
        ("data", "removed"),
        ("extra.txt", "added"),
    ]
    assert [file["path"] for file in found["artifacts"][0]["files"]] == ["a", "sub/b"]
    assert {item["name"]: item["change"] for item in found["metrics"]} == {"loss": -0.25, "acc": 0}
    assert [(item["key"], item["before"], item["after"]) for item in found["settings"]] == [
        ("tags.on_commit", None, False),
        ("train.lr", 0.1, 0.2),
        ("seed", 7, None),
    ]


def test_as_text(model: ModelRepo) -> None:
    assert model.cpv("diff", "0.0", "v0.2").lines == [
        "~ data  data  2 B -> 8 B",
        "    ~ a  1 B -> 7 B",
        "~ metrics.log  metrics  7 B -> 18 B",
        "~ model.bin  model  7 B -> 15 B",
        "loss: 1 -> 0.5 (-0.5)",
        "acc: none -> 0.75",
        "params.yaml: train.lr: none -> 0.1",
        "params.yaml: train.layers: none -> [1, 2]",
        "params.yaml: seed: none -> 7",
    ]
    assert model.cpv("diff", "v0.1", "v0.1").lines[-1] == "no difference between v0.1 and v0.1"


def test_as_markdown_what_a_repository_says_stays_text(model: ModelRepo) -> None:
    model.write("params.yaml", "a|b: '<img src=x> [x](y) @team #1 `z`'\n")
    model.git("commit", "-qam", "hostile")
    lines = model.cpv("diff", "v0.0", "HEAD", "--markdown").lines
    assert lines[:6] == [
        "### v0.0 and HEAD",
        "",
        "| artifact | kind | change | size |",
        "|---|---|---|---|",
        "| data | data | changed | 2 B -&#62; 8 B |",
        "| metrics.log | metrics | changed | 7 B -&#62; 18 B |",
    ]
    (row,) = [line for line in lines if "img" in line]
    assert row.count("|") == 4
    assert not set("<>[]@`") & set(row)
    assert "| loss | 1 | 0.5 | -0.5 |" in lines
    assert model.cpv("diff", "v0.1", "v0.1", "--markdown").lines[-1] == "No difference."


def test_many_files_of_a_folder_are_counted(model: ModelRepo) -> None:
    two_versions.save(model, {f"data/new{number:03}": b"x" for number in range(30)})
    assert "    and 10 more files" in model.cpv("diff", "v0.2", "HEAD").lines
    assert len(diff(model, "v0.2", "HEAD")["artifacts"][0]["files"]) == 30
    assert "<details><summary>data: 30 files differ</summary>" in model.cpv("diff", "v0.2", "HEAD", "--markdown").lines


def test_a_list_of_files_comes_from_the_remote_and_sizes_only_from_the_cache(model: ModelRepo) -> None:
    shutil.rmtree(model.path / ".dvc/cache")
    found = diff(model, "v0.0", "v0.1")
    assert found["artifacts"][0]["files"] == [
        {"path": "a", "change": "changed", "size_before": None, "size_after": None}
    ]
    shutil.rmtree(model.path / ".dvc/cache")
    shutil.rmtree(model.path.parent / two_versions.STORAGE)
    done = model.cpv("diff", "v0.0", "v0.1", status=1)
    assert "~ model.bin  model  7 B -> 15 B" in done.lines, "the rest goes on"
    assert "data: neither the cache nor the remote has the list of its files" in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("text", ["a: [", "a: &a [*a, *a", "- 1\n- 2\n", "\0"])
def test_settings_that_cannot_be_read_are_one_line(model: ModelRepo, text: str) -> None:
    model.write("params.yaml", text)
    done = model.cpv("diff", "v0.1", status=1)
    assert done.err.startswith("cpv: warning: params.yaml")
    assert len(done.err.splitlines()) == 1
    assert "~ metrics.log  metrics  7 B -> 18 B" in done.lines


def test_settings_too_large_or_elsewhere(model: ModelRepo, tmp_path: Path) -> None:
    model.write("params.yaml", "a: " + "x" * (1 << 20))
    assert "params.yaml: larger than 1048576 bytes" in model.cpv("diff", "v0.2", status=1).err
    (model.path / "params.yaml").unlink()
    (tmp_path / "secret.yaml").write_text("secret: 1\n")
    (model.path / "params.yaml").symlink_to(tmp_path / "secret.yaml")
    assert "secret" not in model.cpv("diff", "v0.2").out


def test_a_damaged_pointer_is_one_line(model: ModelRepo) -> None:
    model.write("model.bin.dvc", "outs:\n- md5: nothing\n  path: model.bin\n")
    model.git("commit", "-qam", "damaged")
    for other in ((), ("HEAD",)):
        done = model.cpv("diff", "v0.2", *other, status=1)
        assert "model.bin.dvc: md5 is not a DVC hash" in done.err
        assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    "name", ["v9.9", "nothing", "", "HEAD:params.yaml", "a\nb", "^v0.0", "v0.0..v0.1", "v0.0...v0.1"]
)
def test_what_is_no_version(model: ModelRepo, name: str) -> None:
    done = model.cpv("diff", "v0.1", name, status=1)
    assert done.out == ""
    assert f"{name!r} is not a version, branch or commit" in done.err


def test_the_documented_fields_are_the_ones_that_are_printed(model: ModelRepo) -> None:
    page = (Path(__file__).parents[2] / "docs/diff.md").read_text()
    found = diff(model, "v0.0", "v0.2")
    parts = [
        found,
        *(found[name][0] for name in ("artifacts", "metrics", "settings")),
        found["artifacts"][0]["files"][0],
    ]
    for part in parts:
        for name in part:
            assert f"`{name}`" in page, name
