"""What every test gets: an empty home, real commands, and, on request, repositories and an S3 server."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from support import checkpoint, repos, sandbox, seaweed
from support.shell import Shell

if TYPE_CHECKING:
    from support.sshd import SSHServer

REAL_ENVIRONMENT = dict(os.environ)
SHARED = "CPV_TEST_SHARED"


def pytest_configure(config: pytest.Config) -> None:
    # One folder for all workers of this run; the process that made it removes it.
    if SHARED not in os.environ:
        config.stash[_OWNED] = os.environ[SHARED] = tempfile.mkdtemp(prefix="cpv-test-")
        Path(os.environ[SHARED], seaweed.OWNER).write_text(str(os.getpid()))


def pytest_unconfigure(config: pytest.Config) -> None:
    folder = config.stash.get(_OWNED, None)
    if folder is not None:
        seaweed.stop(Path(folder))
        shutil.rmtree(folder, ignore_errors=True)
        del os.environ[SHARED]


_OWNED = pytest.StashKey[str]()


@pytest.fixture(scope="session", autouse=True)
def _session_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        _enter(patch, tmp_path_factory.mktemp("session"))
        sandbox.watch()
        yield


def _enter(patch: pytest.MonkeyPatch, folder: Path) -> None:
    kept = sandbox.scrubbed()
    for key in set(os.environ) - set(kept):
        patch.delenv(key)
    for key, value in sandbox.environment(folder).items():
        patch.setenv(key, value)


@pytest.fixture(autouse=True)
def guard(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty home for each test; one that touches the user's own fails."""
    _enter(monkeypatch, tmp_path_factory.mktemp("user"))
    before = sandbox.signature()
    sandbox.opened()
    yield
    touched = sandbox.opened()
    assert not touched, f"opened in the real home: {touched}"
    assert sandbox.signature() == before, "something in the real home was changed"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Commands in an empty folder."""
    return Shell(tmp_path)


class MakeRepo(Protocol):
    def __call__(
        self, name: str = "repo", *, remote: str | Path | None = ..., install: bool = True, **rest: Any
    ) -> repos.ModelRepo: ...


@pytest.fixture(scope="session")
def _skeleton(tmp_path_factory: pytest.TempPathFactory, _session_environment: None) -> Path:
    return repos.skeleton(tmp_path_factory.mktemp("skeletons"))


@pytest.fixture
def make_repo(tmp_path: Path, _skeleton: Path) -> MakeRepo:
    """Makes repositories in the test's folder; their remote is `tmp_path / "storage"` unless one is given."""

    def make(name: str = "repo", **options: Any) -> repos.ModelRepo:
        options.setdefault("remote", tmp_path / "storage")
        return repos.make(tmp_path / name, _skeleton, **options)

    return make


@pytest.fixture(scope="session")
def s3_server(_session_environment: None) -> seaweed.Server:
    """A SeaweedFS that all workers share; it ends with the run."""
    return seaweed.shared_server(Path(os.environ[SHARED]))


@pytest.fixture
def ssh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SSHServer]:
    """An SSH server of the test's own that answers like Bitbucket."""
    from support.sshd import SSHServer

    server = SSHServer(tmp_path_factory.mktemp("sshd"))
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="session")
def real_environment() -> dict[str, str]:
    """The environment in which pytest was started: for pip alone, whose index and certificates are set there."""
    return dict(REAL_ENVIRONMENT)


@pytest.fixture(scope="session")
def real_checkpoint(request: pytest.FixtureRequest, real_environment: dict[str, str]) -> Path:
    """A published 91 MB `model.safetensors`; kept in pytest's cache from one run to the next."""
    assert request.config.cache is not None
    return checkpoint.fetch(request.config.cache.mkdir("checkpoint"), real_environment)
