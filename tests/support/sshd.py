"""A real SSH server that answers like Bitbucket: `git-receive-pack` and `git-upload-pack` on the bare repositories of a
folder, for those keys that were added."""

from __future__ import annotations

import asyncio
import shlex
import subprocess
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import asyncssh

HOST = "127.0.0.1"
Like = Literal["cloud", "data center", "shell", "stranger"]
CLOUD_REPLY = "authenticated via ssh key.\n\nYou can use git to connect to Bitbucket. Shell access is disabled\n"
STRANGER_REPLY = "Hi ada! You've successfully authenticated, but this is no Bitbucket.\n"
SERVICES = ("git-upload-pack", "git-receive-pack")


class SSHServer:
    """The server. What it does can be changed while it runs; connections that come after it meet the change.

    `like`: whose answers it gives to `ssh -T`. `hang`: it accepts connections and stays silent.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder / "repositories"
        self.root.mkdir(parents=True)
        self.like: Like = "cloud"
        self.users: dict[bytes, str] = {}
        self.readers: set[str] = set()
        self.log: list[str] = []
        """Commands that were asked for, each as `USER: COMMAND`."""
        self.port = 0
        self._key = asyncssh.generate_private_key("ssh-ed25519")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sshd", daemon=True)
        self._server: Any = None
        self.hanging = False

    # Before and after

    def start(self) -> None:
        """Listen, on a free port the first time and on the same one later."""
        if not self._thread.is_alive():
            self._thread.start()
        self._server = self._await(self._listen())
        self.port = self._server.sockets[0].getsockname()[1] if self.port == 0 else self.port

    def close(self) -> None:
        """Stop listening, and end the connections that are open."""
        self._await(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _await(self, work: Coroutine[Any, Any, Any]) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(20)

    async def _listen(self) -> asyncio.Server:
        if self.hanging:
            return await asyncio.start_server(_silent, HOST, self.port)
        options = {"server_host_keys": [self._key], "server_factory": lambda: _Login(self), "encoding": None}
        return await asyncssh.listen(HOST, self.port, **options)  # type: ignore[return-value]

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    @contextmanager
    def hang(self) -> Iterator[None]:
        """Accept connections and say nothing."""
        self._restart(True)
        try:
            yield
        finally:
            self._restart(False)

    def stop(self) -> None:
        """Refuse connections: nothing listens on the port any more."""
        self._await(self._end())

    def change_host_key(self) -> None:
        """Be another host from now on, as far as clients can tell."""
        self._key = asyncssh.generate_private_key("ssh-ed25519")
        self._restart(False)

    def _restart(self, hanging: bool) -> None:
        self._await(self._end())
        self.hanging = hanging
        self.start()

    # What clients need to know

    @property
    def host_key(self) -> str:
        """The public host key, `TYPE BASE64`."""
        return " ".join(self._key.export_public_key().decode().split()[:2])

    @property
    def fingerprint(self) -> str:
        """The host key's fingerprint, `SHA256:…`."""
        return self._key.get_fingerprint()

    @property
    def pattern(self) -> str:
        """The URL pattern of this server, as a user would configure it."""
        return "ssh://git@{host}:{port}/AI-{team_name}-model-checkpoints/{model_name}.git"

    def url(self, team: str, model: str) -> str:
        """The URL of a model's repository on this server."""
        return f"ssh://git@{HOST}:{self.port}/AI-{team}-model-checkpoints/{model}.git"

    # Its administrator's work

    def make(self, team: str, model: str) -> Path:
        """Make an empty repository, as somebody would on the host's web page."""
        path = self.root / f"AI-{team}-model-checkpoints" / f"{model}.git"
        subprocess.run(["git", "init", "-q", "--bare", path], check=True)
        return path

    def add_key(self, public: Path, name: str = "ada", *, write: bool = True) -> None:
        """Let the holder of a key in."""
        self.users[asyncssh.read_public_key(public).public_data] = name
        (self.readers.discard if write else self.readers.add)(name)

    def refs(self, team: str, model: str) -> dict[str, str]:
        """Ref -> object name in a repository of the server."""
        path = self.root / f"AI-{team}-model-checkpoints" / f"{model}.git"
        lines = subprocess.run(["git", "show-ref"], cwd=path, capture_output=True, text=True, check=False).stdout
        return {name: oid for oid, _, name in (line.partition(" ") for line in lines.splitlines())}

    # Sessions

    async def answer(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        name = str(process.get_extra_info("cpv_user"))
        command = process.command or ""
        self.log.append(f"{name}: {command}")
        words = shlex.split(command)
        if len(words) == 2 and words[0] in SERVICES:
            await self._serve(process, name, words[0], words[1])
        elif words == ["whoami"] and self.like in ("data center", "shell"):
            _reply(process, f"{'git' if self.like == 'shell' else name}\n", 0)
        elif words:
            _reply(process, "", 128, f"fatal: unrecognized command '{words[0]}'\n")
        else:
            replies = {"cloud": CLOUD_REPLY, "stranger": STRANGER_REPLY}
            _reply(process, replies.get(self.like, ""), 1 if self.like == "stranger" else 0)

    async def _serve(self, process: asyncssh.SSHServerProcess[bytes], name: str, service: str, path: str) -> None:
        found = (self.root / path.strip("/")).resolve()
        if not found.is_relative_to(self.root) or not (found / "HEAD").exists():
            cloud = "conq: repository does not exist.\n"
            other = "Repository not found\nThe requested repository does not exist, or you may not access it.\n"
            _reply(process, "", 1, cloud if self.like == "cloud" else other)
        elif service == "git-receive-pack" and name in self.readers:
            _reply(process, "", 1, "Unauthorized\nYou do not have write access to this repository.\n")
        else:
            pipe = asyncio.subprocess.PIPE
            child = await asyncio.create_subprocess_exec(service, found, stdin=pipe, stdout=pipe, stderr=pipe)
            assert child.stdin and child.stdout and child.stderr
            coming = asyncio.create_task(_pump(process.stdin, child.stdin))
            await asyncio.gather(_pump(child.stdout, process.stdout), _pump(child.stderr, process.stderr))
            coming.cancel()
            process.exit(await child.wait())


class _Login(asyncssh.SSHServer):
    """One connection: keys alone count, and Data Center has no shell to give."""

    def __init__(self, server: SSHServer) -> None:
        self._server = server

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._conn = conn

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        name = self._server.users.get(key.public_data)
        self._conn.set_extra_info(cpv_user=name)
        return name is not None and username == "git"

    def session_requested(self) -> asyncssh.SSHServerProcess[bytes]:
        session = _NoShell(self._server.answer, None, 3, False)
        session.refuses = self._server.like == "data center"
        return session


class _NoShell(asyncssh.SSHServerProcess[bytes]):
    """A session that may refuse to be a shell, as Data Center's server does."""

    refuses = False

    def shell_requested(self) -> bool:
        return not self.refuses


async def _pump(source: Any, target: Any) -> None:
    """Copy what comes from one end to the other, no faster than that takes it."""
    with suppress(OSError):
        while data := await source.read(1 << 16):
            target.write(data)
            await target.drain()
        target.write_eof()


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


def _reply(process: asyncssh.SSHServerProcess[bytes], out: str, status: int, err: str = "") -> None:
    process.stdout.write(out.encode())
    process.stderr.write(err.encode())
    process.exit(status)
