"""`dvc`, `cpv` and hooks from a process that has imported them already, so that a test does not pay for that each time.

Each command runs in a fork of its own, with the folder, the environment, the standard streams, the umask and the
parent of the process that stands for it: `python -I -S preloaded_client.py SOCKET PROGRAM ARGUMENT…`. Where a test is
about how a program starts, it runs the program itself.
"""

from __future__ import annotations

import array
import atexit
import gc
import importlib
import os
import pkgutil
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

FIELDS = 3
"""Descriptors that come with a request."""
# What they import only when they need it; with `pygit2` left out, which reads the home when it is imported.
_ALSO = (
    "boto3",
    "botocore.httpsession",
    "configobj",
    "dulwich.ignore",
    "dulwich.index",
    "dulwich.worktree",
    "dvc.cachemgr",
    "dvc.data_cloud",
    "dvc.dirs",
    "dvc.lock",
    "dvc.repo.artifacts",
    "dvc.repo.datasets",
    "dvc.repo.graph",
    "dvc.repo.index",
    "dvc.repo.metrics",
    "dvc.repo.open_repo",
    "dvc.repo.params",
    "dvc.repo.plots",
    "dvc.repo.stage",
    "dvc.repo.trie",
    "dvc.rwlock",
    "dvc.scm",
    "dvc.types",
    "dvc.utils.strictyaml",
    "dvc_data.hashfile._progress",
    "dvc_data.hashfile.db.local",
    "dvc_data.hashfile.status",
    "dvc_data.index",
    "dvc_render",
    "dvc_s3",
    "encodings.utf_8_sig",
    "flufl.lock",
    "fsspec.implementations.memory",
    "networkx",
    "platformdirs.unix",
    "pluggy",
    "psutil",
    "pydantic",
    "rich._emoji_codes",
    "rich.progress",
    "rich.status",
    "ruamel.yaml.mergevalue",
    "s3fs",
    "zc.lockfile",
)


@cache
def server() -> str:
    """The socket of this process's server; it ends when this process does."""
    folder = tempfile.mkdtemp(prefix="cpv-preloaded-")
    place = os.path.join(folder, "socket")
    process = subprocess.Popen(
        [sys.executable, "-m", "support.preloaded", place],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None
    assert stdout is not None
    assert stdout.readline() == b"ready\n"
    stdout.close()

    def end() -> None:
        stdin.close()
        process.wait()

    atexit.register(end)
    return place


def command(program: str, *args: str | Path) -> tuple[str | Path, ...]:
    """The command that runs a program of ours there."""
    return (*client(), server(), program, *args)


def client() -> tuple[str | Path, ...]:
    """The command that stands for one of the server's."""
    return (sys.executable, "-I", "-S", Path(__file__).with_name("preloaded_client.py"))


def folder() -> Path:
    """The server's own, which goes with it."""
    return Path(server()).parent


def _preload() -> None:
    for package in ("cpv_hooks", "dvc_cpv_plugin"):
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            # An adapter imports its framework, and no command imports an adapter.
            if not module.name.endswith("__main__") and ".integrations." not in module.name:
                importlib.import_module(module.name)
    for name in _ALSO:
        importlib.import_module(name)
    from dvc.cli.parser import get_main_parser

    get_main_parser()


def _programs() -> dict[str, Callable[[], int | None]]:
    from dvc.cli import main as dvc
    from pre_commit.main import main as pre_commit

    from cpv_hooks.__main__ import main as hook
    from dvc_cpv_plugin.cli import main as cpv

    return {"dvc": dvc, "cpv": cpv, "cpv-hook": hook, "pre-commit": pre_commit}


def _serve(place: str) -> None:
    _preload()
    programs = _programs()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place)
    listener.listen(64)
    threading.Thread(target=_end_with_parent, args=(place,), daemon=True).start()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _attend(connection, programs)
        connection.close()


def _end_with_parent(place: str) -> None:
    os.read(0, 1)
    shutil.rmtree(os.path.dirname(place), ignore_errors=True)
    os._exit(0)


def _attend(connection: socket.socket, programs: dict[str, Callable[[], int | None]]) -> None:
    """Start the command in one more process and wait for it; one that nobody waits for any more is ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request, descriptors = _request(connection)
    pid = os.fork()
    if pid == 0:
        connection.close()
        _run(request, descriptors, programs)
    for descriptor in descriptors:
        os.close(descriptor)
    threading.Thread(target=_kill_with_client, args=(connection, pid), daemon=True).start()
    _, status = os.waitpid(pid, 0)
    connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _kill_with_client(connection: socket.socket, pid: int) -> None:
    if not connection.recv(1):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _request(connection: socket.socket) -> tuple[list[bytes], list[int]]:
    size = array.array("i").itemsize
    data, ancillary, _, _ = connection.recvmsg(1 << 20, socket.CMSG_SPACE(FIELDS * size))
    descriptors = array.array("i")
    for _, _, payload in ancillary:
        descriptors.frombytes(payload)
    length, _, rest = data.partition(b"\0")
    while len(rest) < int(length):
        rest += connection.recv(1 << 20)
    return rest.split(b"\0"), list(descriptors)


def _run(request: list[bytes], descriptors: list[int], programs: dict[str, Callable[[], int | None]]) -> None:
    folder, umask, parent, count, *rest = request
    arguments, variables = rest[: int(count)], rest[int(count) :]
    status = 1
    try:
        for target, descriptor in enumerate(descriptors):
            os.dup2(descriptor, target)
            os.close(descriptor)
        os.chdir(folder)
        os.umask(int(umask))
        os.environ.clear()
        for name, _, value in (item.partition(b"=") for item in variables):
            os.environb[name] = value
        os.getppid = lambda: int(parent)
        tempfile.tempdir = None
        program, *sys.argv[1:] = map(os.fsdecode, arguments)
        sys.argv[0] = str(Path(sys.executable).parent / program)
        status = _ended(programs[program])
    finally:
        os._exit(status)


def _ended(program: Callable[[], int | None]) -> int:
    """What the interpreter does around a console script."""
    try:
        status = program() or 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        sys.excepthook(*sys.exc_info())
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return status


if __name__ == "__main__":
    _serve(sys.argv[1])
