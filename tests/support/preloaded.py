"""`dvc`, `cpv` and hooks from a process that has imported them already, so that a test does not pay for that each time.

Each command runs in a fork of its own, with the folder, the environment, the standard streams, the umask and the
parent of the process that stands for it, a shell that asks the server and waits (`preloaded_client.sh`). Where a test
is about how a program starts, it runs the program itself.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib
import os
import pkgutil
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from support import cheap_forks

_CLIENT = Path(__file__).with_name("preloaded_client.sh")
_PIDFD_GETFD = 438  # its number on every architecture; Python has no function for it
# Modules that are run, and the programs that they are.
_TOOLS = {"dvc": "dvc", "pre_commit": "pre-commit"}
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
def folder() -> Path:
    """The folder of this process's server; both end when this process does."""
    place = Path(tempfile.mkdtemp(prefix="cpv-preloaded-"))
    process = subprocess.Popen(
        [sys.executable, "-m", "support.preloaded", place],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None
    assert stdout is not None
    port = stdout.readline().strip()
    stdout.close()

    def end() -> None:
        stdin.close()
        process.wait()

    atexit.register(end)
    functions = _CLIENT.read_text(encoding="utf-8").replace("PORT", port)
    script(place / "client", f'{functions}\nanswer "$1" 1 always\n')
    (place / "functions").write_text(functions, encoding="utf-8")
    return place


def script(path: Path, text: str) -> None:
    """Write a program of the shell that the client's functions are written for."""
    path.write_text(f"#!/bin/bash\n{text}")
    path.chmod(0o755)


def functions() -> str:
    """The client's functions for a script."""
    return (folder() / "functions").read_text(encoding="utf-8")


def command(program: str, *args: str | Path) -> tuple[str | Path, ...]:
    """The command that runs a program of ours there."""
    return (folder() / "client", program, *args)


def stand_for_tools(start: Callable[..., Sequence[str | Path]]) -> None:
    """Let `init`, in this process, start DVC and pre-commit by this command: each of its steps starts a Python."""
    from cpv_hooks.setup.init import model_repository

    def run(command: list[str | Path], **rest: Any) -> subprocess.CompletedProcess[bytes]:
        program = _TOOLS.get(str(command[2])) if command[:2] == [sys.executable, "-m"] else None
        return subprocess.run(start(program, *command[3:]) if program else command, **rest)

    here = SimpleNamespace(run=run, PIPE=subprocess.PIPE, DEVNULL=subprocess.DEVNULL)
    vars(model_repository)["subprocess"] = here


def _preload() -> None:
    for package in ("cpv_hooks", "dvc_cpv_plugin"):
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            # An adapter imports its framework, and no command imports an adapter.
            if not module.name.endswith("__main__") and ".integrations." not in module.name:
                importlib.import_module(module.name)
    for name in _ALSO:
        importlib.import_module(name)
    from dvc.cli.parser import get_main_parser

    from cpv_hooks.console.redact import redact
    from cpv_hooks.remote.s3_client.boto_client import new_client
    from cpv_hooks.remote.s3_client.s3_options import S3Options

    get_main_parser()
    # Its rules are compiled for the first text that could hold a secret.
    redact("https://example.com")
    # What boto3 reads of S3 for the first client, it has for all.
    keys = {"region": "us-east-1", "access_key_id": "AKIANOBODYS", "secret_access_key": "abcdefgh12345678"}
    new_client(S3Options.of("none", "s3://none", keys))


def _programs() -> dict[str, Callable[[], int | None]]:
    from dvc.cli import main as dvc
    from pre_commit.main import main as pre_commit

    from cpv_hooks.__main__ import main as hook
    from dvc_cpv_plugin.cli import main as cpv

    return {"dvc": dvc, "cpv": cpv, "cpv-hook": hook, "pre-commit": pre_commit}


class _Request(NamedTuple):
    """What a client asks: it is the process `pid`, whose command line has so many words before those of the program.

    `streams` are its numbers of the standard ones; -1 where it has closed one.
    """

    pid: int
    program: str
    words: int
    always: bool
    streams: tuple[int, ...]


class _Server:
    """Forks once for a command, and tells the client how it ended."""

    def __init__(self) -> None:
        self._programs = _programs()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._selector = selectors.DefaultSelector()
        self._identity = _identity("self")

    def serve(self) -> None:
        """Answer until the process that started this one ends."""
        self._selector.register(0, selectors.EVENT_READ, self._end)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        cheap_forks.prepare()
        print(self._listener.getsockname()[1], flush=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        while True:
            for key, _ in self._selector.select():
                # One of this round may have closed another's.
                if key.fileobj in self._selector.get_map():
                    key.data()

    def _end(self) -> None:
        shutil.rmtree(sys.argv[1], ignore_errors=True)
        os._exit(0)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        pid, words, program, kind, *streams = connection.makefile(encoding="utf-8").readline().split()
        request = _Request(int(pid), program, int(words), kind == "always", tuple(map(int, streams)))
        try:
            if request.always or _identity(pid) == self._identity:
                self._start(connection, request)
                return
        except OSError:
            # A process of other namespaces, or one that has gone.
            pass
        with closing(connection), suppress(OSError):
            connection.sendall(b"other\n")

    def _start(self, connection: socket.socket, request: _Request) -> None:
        streams = _streams(request)
        pid = os.fork()
        if pid == 0:
            try:
                for key in list(self._selector.get_map().values()):
                    if key.fd:
                        os.close(key.fd)
                self._selector.close()
                connection.close()
                _run(request, streams, self._programs)
            finally:
                os._exit(1)
        for stream in streams:
            if stream is not None:
                os.close(stream)
        ended = os.pidfd_open(pid)

        def tell() -> None:
            _, status = os.waitpid(pid, 0)
            self._selector.unregister(ended)
            os.close(ended)
            if connection in self._selector.get_map():
                self._selector.unregister(connection)
            with closing(connection), suppress(OSError):
                connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))

        def kill() -> None:
            """Nobody waits for it any more."""
            self._selector.unregister(connection)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

        self._selector.register(ended, selectors.EVENT_READ, tell)
        self._selector.register(connection, selectors.EVENT_READ, kill)


def _identity(pid: str) -> str:
    """Who a process is: only one like the server may have its work done there."""
    with open(f"/proc/{pid}/status") as stream:
        lines = [line for line in stream if line.startswith(("Uid:", "Gid:", "TracerPid:", "CapEff:", "Seccomp:"))]
    with open(f"/proc/{pid}/limits") as stream:
        lines += stream
    places = [os.readlink(f"/proc/{pid}/{name}") for name in ("root", "ns/mnt", "ns/net", "ns/pid")]
    number = 0 if pid == "self" else int(pid)
    return "".join([*lines, *places, f" {os.getsid(number)} {os.getpgid(number)}"])


def _streams(request: _Request) -> list[int | None]:
    """The standard streams of a client, as descriptors of ours."""
    process = os.pidfd_open(request.pid)
    try:
        calls = (ctypes.CDLL(None).syscall(_PIDFD_GETFD, process, number, 0) for number in request.streams)
        return [None if stream < 0 else stream for stream in calls]
    finally:
        os.close(process)


def _run(request: _Request, streams: list[int | None], programs: dict[str, Callable[[], int | None]]) -> None:
    status = 1
    try:
        for target, stream in enumerate(streams):
            if stream is None:
                os.close(target)
            else:
                os.dup2(stream, target)
                os.close(stream)
        process = Path(f"/proc/{request.pid}")
        os.chdir(process / "cwd")
        fields = dict(line.split(":\t") for line in (process / "status").read_text().splitlines())
        os.umask(int(fields["Umask"], 8))
        os.getppid = lambda: int(fields["PPid"])
        os.environ.clear()
        for name, _, value in (item.partition(b"=") for item in (process / "environ").read_bytes().split(b"\0")):
            if name:
                os.environb[name] = value
        tempfile.tempdir = None
        # The shell and its script come first.
        words = (process / "cmdline").read_bytes().split(b"\0")[2 + request.words : -1]
        sys.argv = [str(Path(sys.executable).parent / request.program), *map(os.fsdecode, words)]
        status = _ended(programs[request.program])
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
    _preload()
    _client = Path(sys.argv[1], "client")
    stand_for_tools(lambda *words: (_client, *words))
    _Server().serve()
