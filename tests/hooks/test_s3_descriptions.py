"""What boto3 reads of S3 before a client's first request."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import botocore
import pytest

from cpv_hooks.remote.s3_client.boto_client import new_client
from cpv_hooks.remote.s3_client.s3_options import S3Options

OPTIONS = S3Options.of(
    "storage", "s3://bucket", {"region": "eu-west-1", "access_key_id": "key", "secret_access_key": "abcdefgh12345678"}
)


def test_it_is_read_once_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    new_client(OPTIONS)
    read: list[str] = []
    monkeypatch.setattr("botocore.loaders.JSONFileLoader.load_file", lambda self, path: read.append(path))
    assert new_client(OPTIONS).meta.endpoint_url == "https://s3.eu-west-1.amazonaws.com"
    assert not read


def test_a_folder_of_the_users_own_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = new_client(OPTIONS)
    own = tmp_path / "s3/2006-03-01/service-2.json"
    own.parent.mkdir(parents=True)
    (builtin,) = Path(botocore.__file__).parent.glob("data/s3/2006-03-01/service-2.json*")
    model = json.loads(_text(builtin))
    model["metadata"]["serviceFullName"] = "a server of our own"
    own.write_text(json.dumps(model), encoding="utf-8")
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    assert new_client(OPTIONS).meta.service_model.metadata["serviceFullName"] == "a server of our own"
    monkeypatch.delenv("AWS_DATA_PATH")
    after = new_client(OPTIONS)
    assert after.meta.service_model.metadata == before.meta.service_model.metadata


def _text(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
