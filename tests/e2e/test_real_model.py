"""A real published checkpoint, 91 MB, through plain Git commands on a real S3 server."""

from __future__ import annotations

import hashlib
import json
import mmap
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import MakeRepo

from support.repos import ModelRepo
from support.seaweed import Server
from support.shell import Shell

SETTINGS = """[cpv]
team = "nlp"
model = "all-minilm-l6-v2"
[artifacts]
model = ["model.safetensors"]
"""
NAME = "model.safetensors"
# One after the other: they share the downloaded file, and the disk would be the judge of two at a time.
pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("checkpoint")]


def digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()


def tensors(path: Path) -> int:
    """The number of tensors in a safetensors file, whose header must be sound."""
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        return len([name for name in json.loads(stream.read(length)) if name != "__metadata__"])


def fine_tune(path: Path) -> None:
    """Change a few bytes in the middle, in place, and leave the size as it is."""
    with path.open("r+b") as stream, mmap.mmap(stream.fileno(), 0) as data:
        middle = len(data) // 2
        data[middle : middle + 8] = bytes(byte ^ 0xFF for byte in data[middle : middle + 8])


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """On a disk: in memory Linux gives a file that is changed through `mmap` no new time."""
    folder = Path(tempfile.mkdtemp(prefix="cpv-real-model-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def bucket(s3_server: Server) -> str:
    return s3_server.make_bucket()


@pytest.fixture
def repo(make_repo: MakeRepo, s3_server: Server, bucket: str) -> ModelRepo:
    return make_repo(remote=f"s3://{bucket}/nlp/all-minilm", server=s3_server, settings=SETTINGS)


def test_a_published_checkpoint_goes_back_and_forth(
    repo: ModelRepo, real_checkpoint: Path, s3_server: Server, bucket: str, tmp_path: Path
) -> None:
    path = repo.path / NAME
    published = digest(real_checkpoint)
    assert real_checkpoint.stat().st_size > 90_000_000
    assert tensors(real_checkpoint) > 100

    shutil.copyfile(real_checkpoint, path)
    repo.git("commit", "-m", "As published")
    assert repo.tags() == ["v0.0"]
    assert repo.git("ls-files").lines == [
        ".cpv.toml", ".dvc/.gitignore", ".dvc/config", ".dvcignore", ".gitignore", f"{NAME}.dvc",
    ]  # fmt: skip
    assert repo.changes() == []

    fine_tune(path)
    tuned = digest(path)
    assert tuned != published
    assert repo.changes() == [f" M {NAME}.dvc"]
    repo.git("commit", "-am", "Fine-tuned")
    repo.git("tag", "v1.0")
    assert repo.tags() == ["v0.0", "v0.1", "v1.0"]

    for tag, wanted in [("v0.0", published), ("v1.0", tuned), ("v0.0", published), ("main", tuned)]:
        repo.git("checkout", "-q", tag)
        assert digest(path) == wanted, tag
        assert tensors(path) == tensors(real_checkpoint)
        assert repo.changes() == []

    size = real_checkpoint.stat().st_size
    key = "nlp/all-minilm/files/md5/{}/{}".format
    assert s3_server.keys(bucket) == {key(oid[:2], oid[2:]): size for oid in (published, tuned)}
    assert repo.dvc("status", "--cloud").out == "Cache and remote 'storage' are in sync.\n"

    host = tmp_path / "host.git"
    repo.git("init", "-q", "--bare", host)
    repo.git("remote", "add", "origin", host)
    repo.git("push", "-q", "--follow-tags", "origin", "main", "v1.0")
    assert repo.git("fsck", "--full", "--strict", "--no-progress").err == ""
    clone = pull_without_cpv(tmp_path, host, s3_server)
    assert digest(clone.path / NAME) == tuned
    clone.git("checkout", "-q", "v0.0")
    clone.dvc("pull", "-q")
    assert digest(clone.path / NAME) == published


def pull_without_cpv(folder: Path, host: Path, server: Server) -> Shell:
    """A colleague with Git and DVC alone, who believes nothing that comes from the network."""
    shell = Shell(folder)
    shell.git("clone", "-q", host, "clone")
    clone = Shell(folder / "clone")
    assert not list((clone.path / ".git/hooks").glob("post-*[!e]"))
    clone.dvc("remote", "modify", "--local", "storage", "verify", "true")
    clone.dvc("remote", "modify", "--local", "storage", "access_key_id", server.access_key)
    clone.dvc("remote", "modify", "--local", "storage", "secret_access_key", server.secret_key)
    clone.dvc("pull", "-q")
    assert clone.changes() == []
    assert clone.git("fsck", "--full", "--strict", "--no-progress").err == ""
    return clone


def test_a_clone_with_cpv_brings_the_checkpoint_by_itself(
    repo: ModelRepo, real_checkpoint: Path, s3_server: Server, tmp_path: Path
) -> None:
    shutil.copyfile(real_checkpoint, repo.path / NAME)
    repo.git("commit", "-m", "As published")
    fine_tune(repo.path / NAME)
    repo.git("commit", "-m", "Fine-tuned")
    tuned = digest(repo.path / NAME)
    Shell(tmp_path).git("clone", "-q", repo.path, "clone")
    clone = Shell(tmp_path / "clone")
    shutil.copyfile(repo.path / ".dvc/config.local", clone.path / ".dvc/config.local")
    clone.cpv("install")
    assert digest(clone.path / NAME) == tuned
    clone.git("checkout", "-q", "v0.0")
    assert digest(clone.path / NAME) == digest(real_checkpoint)
    assert clone.changes() == []
