"""`migrate hf`: a snapshot of a Hugging Face repository becomes one version, verified, with real files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from conftest import MakeRepo

from support import inside
from support.moved import SETTINGS
from support.repos import ModelRepo
from support.shell import Shell
from support.stored import contents
from support.unchanged import nothing_changes

REVISION = "0123456789abcdef0123456789abcdef01234567"
FILES = {"config.json": b"{}\n", "weights/a.safetensors": b"weights"}


def _git_hash(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


HASHES = {"config.json": _git_hash(FILES["config.json"]), "weights/a.safetensors": _sha256(b"weights")}


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    return make_repo(settings=SETTINGS)


@pytest.fixture
def hub(tmp_path: Path) -> Shell:
    """A repository as the Hub's client caches it."""
    found = Shell(tmp_path / "models--org--name")
    found.write("refs/main", REVISION)
    for name, data in FILES.items():
        found.write(f"blobs/{HASHES[name]}", data)
        link = found.path / "snapshots" / REVISION / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(found.path / "blobs" / HASHES[name], link.parent))
    return found


@pytest.mark.compatibility("Import and export", "from a Hugging Face snapshot")
def test_a_cached_repository(repo: ModelRepo, hub: Shell) -> None:
    before = contents(hub.path)
    done = inside.cpv(repo.path, "migrate", "hf", hub.path, "--dry-run")
    assert done.lines[-1] == "would make 1 version of model (10 B)"
    done = inside.cpv(repo.path, "migrate", "hf", hub.path)
    assert done.out == f"v0.0\torg/name@{REVISION}\n", done.text
    assert contents(repo.path / "model") == FILES
    assert not any(path.is_symlink() for path in (repo.path / "model").rglob("*"))
    assert f"Hugging Face org/name, revision {REVISION}" in repo.git("show", "-s", "--format=%b").out
    assert (repo.changes(), contents(hub.path)) == ([], before)
    left = repo.path / f".git/cpv-migrate-{2**22 + 1}-x"  # of a process that was killed
    left.mkdir()
    again = inside.cpv(repo.path, "migrate", "hf", hub.path / "snapshots" / REVISION)
    assert again.out == "all 1 are versions already\n"
    assert not list((repo.path / ".git").glob("cpv-migrate-*"))


def test_a_plain_folder_with_the_notes_of_its_download(repo: ModelRepo, tmp_path: Path) -> None:
    local = Shell(tmp_path / "local")
    for name, data in FILES.items():
        local.write(name, data)
        local.write(f".cache/huggingface/download/{name}.metadata", f"{REVISION}\n{HASHES[name]}\n0.0\n")
    assert inside.cpv(repo.path, "migrate", "hf", "../local").out == f"v0.0\tlocal@{REVISION}\n"
    assert contents(repo.path / "model") == FILES


def test_what_is_damaged_or_leads_out_is_named_and_nothing_changes(repo: ModelRepo, hub: Shell) -> None:
    def refused(*args: str | Path) -> str:
        with nothing_changes(repo.path):
            done = inside.cpv(repo.path, "migrate", "hf", *args)
        assert (done.status, len(done.err.splitlines())) == (1, 1), done.text
        return done.err

    assert "has no snapshot 'v2' (there are 0123456789abcdef0123456789abcdef01234567); fix: name one" in refused(
        hub.path, "--revision", "v2"
    )
    blob = hub.path / "blobs" / HASHES["weights/a.safetensors"]
    blob.write_bytes(b"WEIGHTS")
    assert refused(hub.path) == f"cpv: {blob}: is not what the Hub has (its hash differs); fix: download it again\n"
    blob.unlink()
    link = hub.path / "snapshots" / REVISION / "weights/a.safetensors"
    assert refused(hub.path) == f"cpv: {link}: is a link that leads nowhere; fix: hf download org/name\n"
    secret = hub.write("../secret", "mine")
    link.unlink()
    link.symlink_to(secret)
    said = f"leads out of the repository, to {secret.resolve()}; fix: copy the file there"
    assert refused(hub.path) == f"cpv: {link}: {said}\n"
    assert "is not a folder" in refused("nowhere")
