"""What every test gets: an empty home, real commands, and, on request, repositories and an S3 server."""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

# What is collected stays until the end; looking through it for garbage again and again took a fifth of the run.
gc.disable()
# What they assert is shown as a test's own assertions are.
pytest.register_assert_rewrite("support", "e2e.story")

from support import checkpoint, preloaded, repos, sandbox, seaweed, stand_in  # noqa: E402
from support.shell import Shell  # noqa: E402

if TYPE_CHECKING:
    from support.sshd import SSHServer

# Jobs of their own, in environments that have their libraries: `tests/browser/run`, and `run` in each of these.
collect_ignore = ["browser"]
collect_ignore += [name for name in ("frameworks", "moves", "remotes") if f"CPV_{name.upper()}" not in os.environ]
# Of what Git can do since 2.54; `tests/outside/newest-git` runs it.
collect_ignore += [] if "CPV_NEWEST_GIT" in os.environ else ["e2e/test_newest_git.py"]
REAL_ENVIRONMENT = dict(os.environ)
SHARED = "CPV_TEST_SHARED"
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of pytest's own is made in it
ROOM = 4 << 30
"""What a run may take of it, in bytes; it takes a fourth of that."""
_GARBAGE_FROM = 20_000
"""So many new objects are there before the next look for garbage."""


def pytest_configure(config: pytest.Config) -> None:
    # A commit waits for the disk some dozen times; what a disk does is tested on disks that the tests mount.
    if config.option.basetemp is None and os.access(MEMORY, os.W_OK) and _free_memory() > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
    # One folder for all workers of this run; the process that made it removes it.
    if SHARED not in os.environ:
        config.stash[_OWNED] = os.environ[SHARED] = tempfile.mkdtemp(prefix="cpv-test-")
        Path(os.environ[SHARED], seaweed.OWNER).write_text(str(os.getpid()))


def pytest_xdist_auto_num_workers() -> int:
    # Tests also wait: for servers, for locks, for a second to pass.
    return 2 * len(os.sched_getaffinity(0))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # One worker runs a group from end to end; the others have enough to do beside it only while it begins early.
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


def pytest_runtestloop() -> None:
    gc.freeze()
    gc.set_threshold(_GARBAGE_FROM)
    gc.enable()


def pytest_unconfigure(config: pytest.Config) -> None:
    folder = config.stash.get(_OWNED, None)
    if folder is not None:
        seaweed.stop(Path(folder))
        shutil.rmtree(folder, ignore_errors=True)
        del os.environ[SHARED]


_OWNED = pytest.StashKey[str]()


def _free_memory() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    available = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    return min(available, shutil.disk_usage(MEMORY).free)


@pytest.fixture(autouse=True)
def _folder(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test leaves the process where it was: its own folder is gone when the next one begins."""
    os.chdir(request.config.rootpath)
    before = os.getcwd()
    yield
    assert os.getcwd() == before, "the test has changed the current folder for good"


@pytest.fixture(scope="session", autouse=True)
def _session_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        _enter(patch, tmp_path_factory.mktemp("session"))
        preloaded.stand_for_tools(preloaded.command)
        sandbox.watch()
        yield


def _enter(patch: pytest.MonkeyPatch, folder: Path) -> None:
    kept = sandbox.scrubbed()
    for key in set(os.environ) - set(kept):
        patch.delenv(key)
    for key, value in sandbox.environment(folder).items():
        patch.setenv(key, value)


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the next test's home goes. By a count: pytest looks through all folders for the next number."""
    folder = tmp_path_factory.mktemp("users")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def guard(_homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """An empty home for each test; one that touches the user's own fails."""
    _enter(monkeypatch, next(_homes))
    before = sandbox.signature()
    sandbox.opened()
    yield
    if "tmp_path" in request.node.funcargs:
        # It is gone, and its name must not be the next test's: a process may have outlived this one.
        request.node.funcargs["tmp_path"].mkdir(exist_ok=True)
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
def real_hooks(request: pytest.FixtureRequest) -> bool:
    """Whether hooks start a Python of their own, as they do in a user's repository; a preloaded one is faster."""
    return bool(request.node.get_closest_marker("real_hooks")) or stand_in.ALL_REAL


@pytest.fixture
def make_repo(tmp_path: Path, _skeleton: Path, real_hooks: bool) -> MakeRepo:
    """Makes repositories in the test's folder; their remote is `tmp_path / "storage"` unless one is given."""

    def make(name: str = "repo", **options: Any) -> repos.ModelRepo:
        options.setdefault("remote", tmp_path / "storage")
        options.setdefault("real_hooks", real_hooks)
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
