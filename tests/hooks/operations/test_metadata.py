"""What is known about versions."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
from datetime import datetime
from pathlib import Path

import pytest

from cpv_hooks.errors import CPVError
from cpv_hooks.operations.info.metadata import combined_metadata, data_metadata, model_metadata
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.objects.availability import on_remote
from support import engine
from support.repos import ModelRepo

ADA = "Ada Lovelace <ada@example.com>"


def project(repo: ModelRepo) -> Project:
    return Project.find_all(engine.git_repo(repo))[0]


def commit(repo: ModelRepo, message: str, *, at: str) -> None:
    repo.git("commit", "-q", "-am", message, env={"GIT_COMMITTER_DATE": at, "GIT_AUTHOR_DATE": at})


def test_model(versions: ModelRepo) -> None:
    versions.write("metrics.log", '{"loss": 0.25, "note": "ok", "bad": NaN}\n')
    commit(versions, "epoch 1\n\nWith details.", at="2026-03-04T05:06:07+02:00")
    found = model_metadata(project(versions))
    files = found.pop("files")  # type: ignore[misc]
    assert found == {
        "tag": "v0.1",
        "timestamp": "2026-03-04T03:06:07+00:00",
        "commit": versions.head(),
        "commit_timestamp": "2026-03-04T03:06:07+00:00",
        "author": ADA,
        "message": "v0.1: epoch 1",
        "commit_message": "epoch 1\n\nWith details.",
        "size": 7000 + 41 + 7,
        "hash": hashlib.md5(b"weights" * 1000).hexdigest(),
        "nfiles": 4,
        "version_count": 2,
        "in_cache": True,
        "on_remote": True,
        "metrics": {"loss": 0.25, "note": "ok", "bad": "nan"},
        "models": [],
        "retired": None,
    }
    oid = engine.pointer(versions, "tokenizer").oid
    log = hashlib.md5(versions.read("metrics.log")).hexdigest()
    assert files == [
        {"path": "metrics.log", "kind": "metrics", "size": 41, "md5": log, "nfiles": 1},
        {"path": "model.bin", "kind": "model", "size": 7000, "md5": found["hash"], "nfiles": 1},
        {"path": "tokenizer", "kind": "extra", "size": 7, "md5": oid, "nfiles": 2},
    ]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_data(versions: ModelRepo) -> None:
    found = data_metadata(project(versions), "0.0")
    assert (found["tag"], found["size"], found["nfiles"], found["version_count"]) == ("data-v0.0", 2, 2, 1)
    assert found["hash"] == engine.pointer(versions, "data").oid
    assert [file["path"] for file in found["files"]] == ["data"]
    assert "metrics" not in found
    assert found["message"] == "data-v0.0: first"


def test_an_annotated_tag_has_a_time_and_a_message_of_its_own(versions: ModelRepo) -> None:
    versions.git(
        "tag", "-a", "-m", "Released\n\nAt last.", "v1.0", env={"GIT_COMMITTER_DATE": "2030-01-01T12:00:00-05:00"}
    )
    found = model_metadata(project(versions))
    assert found["tag"] == "v1.0"
    assert found["timestamp"] == "2030-01-01T17:00:00+00:00"
    assert found["commit_timestamp"] < found["timestamp"]
    assert found["message"] == "Released"
    assert found["commit_message"] == "first"
    assert found["metrics"] == {"loss": 0.5}, "from the metrics file"


def test_a_lightweight_tag_has_its_commits(versions: ModelRepo) -> None:
    versions.git("tag", "v1.0")
    found = model_metadata(project(versions), "v1.0")
    assert found["timestamp"] == found["commit_timestamp"]
    assert datetime.fromisoformat(found["timestamp"]).utcoffset() is not None
    assert found["message"] == found["commit_message"] == "first"


def test_bytes_that_are_no_text(versions: ModelRepo) -> None:
    versions.write("model.bin", "two")
    message = versions.write("message", b"caf\xe9\n")
    versions.git("commit", "-q", "-a", "-F", message, env={"CPV_QUIET": "1"})
    found = model_metadata(project(versions))
    assert "caf" in found["commit_message"]
    json.dumps(found).encode()
    found["commit_message"].encode()


def test_where_it_is(versions: ModelRepo, tmp_path: Path) -> None:
    shutil.rmtree(versions.path / ".dvc/cache")
    found = model_metadata(project(versions))
    assert (found["in_cache"], found["on_remote"], found["metrics"]) == (False, True, {"loss": 0.5})
    versions.dvc("fetch", "-q")
    merges = hashlib.md5(b"ab").hexdigest()
    (versions.path / ".dvc/cache/files/md5" / merges[:2] / merges[2:]).unlink()
    assert not model_metadata(project(versions))["in_cache"], "each file of a directory counts"
    weights = hashlib.md5(b"weights" * 1000).hexdigest()
    (tmp_path / "storage/files/md5" / weights[:2] / weights[2:]).unlink()
    assert model_metadata(project(versions))["on_remote"] is False
    assert data_metadata(project(versions))["on_remote"] is True


def test_a_remote_that_cannot_be_asked(versions: ModelRepo) -> None:
    versions.dvc("remote", "modify", "storage", "url", "s3://bucket/x")
    versions.dvc("remote", "modify", "storage", "endpointurl", "http://127.0.0.1:1")
    assert model_metadata(project(versions))["on_remote"] is None
    versions.dvc("remote", "remove", "storage")
    found = combined_metadata(project(versions))
    assert found["model"] is not None
    assert found["model"]["on_remote"] is None


def test_a_remote_that_stays_silent(versions: ModelRepo) -> None:
    groups = [[engine.pointer(versions, "model.bin")], []]
    assert on_remote(project(versions), groups) == [True, True]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        versions.dvc("remote", "modify", "storage", "url", "s3://bucket/x")
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        versions.dvc("remote", "modify", "storage", "endpointurl", endpoint)
        assert on_remote(project(versions), groups, seconds=0.1) == [None, None]


def test_combined(versions: ModelRepo) -> None:
    first = versions.head()
    versions.write("model.bin", "two")
    commit(versions, "model alone", at="2031-01-01T00:00:00Z")
    found = combined_metadata(project(versions))
    assert found["model"] and found["data"]
    assert (found["tag"], found["commit"]) == ("v0.1", versions.head())
    assert (found["model"]["tag"], found["model"]["commit"]) == ("v0.1", versions.head())
    assert (found["data"]["tag"], found["data"]["commit"]) == ("data-v0.0", first), "the data of that commit"
    assert found["size"] == found["model"]["size"] + found["data"]["size"]
    assert (found["message"], found["author"], found["timestamp"][:4]) == ("v0.1: model alone", ADA, "2031")
    versions.write("data/a", "new")
    commit(versions, "data alone", at="2032-01-01T00:00:00Z")
    latest = combined_metadata(project(versions))
    assert latest["tag"] == "data-v0.1", "without a tag it is what was made last, of either line"
    assert latest["model"] and latest["model"]["tag"] == "v0.1"
    assert combined_metadata(project(versions), "0.1")["tag"] == "v0.1", "a number means the model's"
    assert combined_metadata(project(versions), "data-v0.1") == latest
    json.dumps(latest, allow_nan=False)


def test_combined_content_that_no_tag_names(versions: ModelRepo) -> None:
    versions.write("model.bin", "two")
    versions.write("data/a", "new")
    versions.commit("both", "-a")
    versions.git("tag", "-d", "data-v0.1")
    found = combined_metadata(project(versions), "v0.1")
    assert found["data"]
    assert (found["data"]["tag"], found["data"]["commit"]) == (None, versions.head())
    assert found["data"]["hash"] == engine.pointer(versions, "data").oid
    assert found["data"]["message"] == "both"


def test_combined_without_data(versions: ModelRepo) -> None:
    versions.git("rm", "-q", "data.dvc")
    versions.commit("no data any more")
    versions.git("tag", "v1.0")
    found = combined_metadata(project(versions), "v1.0")
    assert found["data"] is None
    assert found["model"] and found["size"] == found["model"]["size"]


def test_a_name_that_neither_line_has(versions: ModelRepo) -> None:
    with pytest.raises(CPVError, match=r"'v7\.0' is no model version \(the last ones are v0\.0\)"):
        combined_metadata(project(versions), "v7.0")
    versions.git("tag", "-d", "v0.0", "data-v0.0")
    with pytest.raises(CPVError, match="there is no model version yet; fix: dvc cpv tag"):
        combined_metadata(project(versions))


def test_an_artifact_whose_size_is_not_known(versions: ModelRepo) -> None:
    pointer = versions.read("model.bin.dvc").decode()
    versions.write("model.bin.dvc", "\n".join(line for line in pointer.splitlines() if "size" not in line) + "\n")
    versions.git("commit", "-q", "-n", "-am", "by hand", env={"CPV_RUNNING": "1"})
    versions.git("update-ref", "refs/tags/v1.0", "HEAD", env={"CPV_RUNNING": "1"})
    found = model_metadata(project(versions))
    assert [file["size"] for file in found["files"]] == [14, None, 7]
    assert found["size"] == 21
