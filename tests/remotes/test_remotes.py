"""The main story on remotes of other kinds, through DVC's own plugins."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from remotes import servers
from remotes.servers import Place

from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.objects.open import open_remote
from support.repos import SETTINGS as NAMES
from support.shell import Shell

SETTINGS = f'{NAMES}[artifacts]\nmodel = ["model.bin"]\ndata = ["data"]\n'
REMOTES: dict[str, Callable[[Path], AbstractContextManager[Place]]] = {
    "SSH (SFTP)": servers.ssh,
    "WebDAV": servers.webdav,
    "Google Cloud Storage": servers.google,
    "Azure Blob Storage": servers.azure,
    "S3 (moto)": servers.moto,
}


@pytest.fixture
def place(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    folder = tmp_path / "server"
    folder.mkdir()
    with REMOTES[what](folder) as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found


def configure(repo: Shell, place: Place) -> None:
    repo.dvc("remote", "add", "-q", "-d", "storage", place.url)
    for name, value in place.options.items():
        repo.dvc("remote", "modify", "-q", "--local", "storage", name, value)


def model_repository(place: Place, folder: Path) -> Shell:
    Shell(folder).git("init", "-q", "repo")
    repo = Shell(folder / "repo")
    repo.dvc("init", "-q")
    configure(repo, place)
    repo.write(".cpv.toml", SETTINGS)
    repo.git("add", "-A")
    repo.cpv("install")
    repo.git("commit", "-q", "-m", "settings")
    return repo


@pytest.mark.compatibility("Remotes", each=REMOTES)
@pytest.mark.parametrize("what", REMOTES)
def test_a_model_goes_there_and_comes_back(what: str, place: Place, tmp_path: Path) -> None:
    repo = model_repository(place, tmp_path)
    for number in range(2):
        repo.write("model.bin", f"weights {number}")
        repo.write("data/a.csv", f"{number}\n")
        repo.write("data/b.csv", "the same\n")
        assert "not uploaded" not in repo.git("commit", "-qam", f"version {number}").text
    repo.git("init", "-q", "--bare", tmp_path / "origin.git")
    repo.git("remote", "add", "origin", tmp_path / "origin.git")
    repo.git("push", "-q", "origin", "HEAD:main", "--tags")
    repo.cpv("verify")
    # Without CPV.
    Shell(tmp_path).git("clone", "-q", "-b", "main", "origin.git", "plain")
    plain = Shell(tmp_path / "plain")
    if place.options:
        shutil.copy(repo.path / ".dvc/config.local", plain.path / ".dvc")
    plain.dvc("pull", "-q")
    assert (plain.read("model.bin"), plain.read("data/a.csv")) == (b"weights 1", b"1\n")
    # With CPV: an earlier version comes by checkout.
    plain.cpv("install")
    plain.git("checkout", "-q", "HEAD~1")
    assert (plain.read("model.bin"), plain.read("data/a.csv")) == (b"weights 0", b"0\n")
    assert plain.git("status", "--porcelain").out == ""


@pytest.mark.parametrize("what", REMOTES)
def test_what_nothing_needs_is_removed(what: str, place: Place, tmp_path: Path) -> None:
    repo = model_repository(place, tmp_path)
    for text in ("kept", "gone"):
        repo.write("model.bin", text)
        repo.git("commit", "-qam", text)
    repo.git("tag", "-d", "v0.1")
    repo.git("reset", "-q", "--hard", "HEAD~1")
    repo.git("reflog", "expire", "--expire=all", "--all")
    (repo.path / ".git/ORIG_HEAD").unlink()
    repo.cpv("prune", "--remote", "--force", "--grace", "0", "--yes")
    names = {text: hashlib.md5(text).hexdigest() for text in (b"kept", b"gone")}
    project = Project.open(Repo.discover(repo.path), repo.path)
    assert open_remote(project).missing(names.values()) == {names[b"gone"]}
    shutil.rmtree(repo.path / ".dvc/cache")
    repo.dvc("pull", "-q", "-f")
    assert repo.read("model.bin") == b"kept"


@pytest.mark.parametrize("what", ["WebDAV"])
def test_a_folder_that_is_not_there(what: str, place: Place, tmp_path: Path) -> None:
    repo = model_repository(place._replace(url=f"{place.url}/elsewhere/resnet"), tmp_path)
    repo.write("model.bin", "weights")
    said = repo.git("commit", "-qam", "version").text
    assert "the folder of the remote's URL is not there; fix: make it on the server (for WebDAV: curl -X MKCOL)" in said
