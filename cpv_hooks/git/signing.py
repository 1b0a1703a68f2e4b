"""Signatures as the user's own Git makes them, where that needs no prompt: a hook must not wait for a person.

Git makes each one (`gpg.format`: openpgp, ssh or x509). gpg and gpgsm are kept from asking for a passphrase by options
of theirs, `ssh-keygen` and other programs by a session without a terminal; what waits all the same, for a touch of a
key, is given up.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.console.output import warn
from cpv_hooks.errors import CPVError
from cpv_hooks.git.reason import bare
from cpv_hooks.git.repo import Repo, environment
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.atomic_files import make_folder

_NOISE = ("[GNUPG:]", "(no gpg output)", "The tag message has been left")
_NO_REASON = ("gpg failed to sign the data", "gpgsm failed to sign the data", "unable to sign the tag")
PATIENCE = 10.0
"""Seconds after which a program that signs is given up."""
_KEYS = r"^(user\.signingkey|gpg\..*|core\.fsync.*|core\.(loose)?compression)$"
_PROGRAMS = {"gpg.openpgp.program": ("gpg.program", "gpg"), "gpg.x509.program": (None, "gpgsm")}
# No question is asked, neither on the terminal nor in a window; older programs end over what they do not know.
_WRAPPER = '#!/bin/sh\nexec {} --batch --no-tty --pinentry-mode error "$@"\n'


class _Ident(NamedTuple):
    """`NAME <MAIL> SECONDS ZONE`, as Git writes it."""

    text: str

    @property
    def environment(self) -> dict[str, str]:
        name, _, rest = self.text.partition(" <")
        mail, _, date = rest.rpartition("> ")
        return {"GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": mail, "GIT_COMMITTER_DATE": f"@{date}"}


def signed_tag(repo: Repo, name: str, commit: str, message: str, tagger: str) -> str:
    """Write a signed tag object and make no ref; returns its id.

    Raises `CPVError`, in one line, where Git cannot sign it without asking somebody.
    """
    with _scratch(repo) as place:
        return _tag(repo, place, name, commit, message, _Ident(tagger))


@contextmanager
def commit_options(repo: Repo) -> Iterator[tuple[tuple[str, ...], dict[str, str]]]:
    """Options and environment for a `git commit` of CPV's own.

    Where the user's Git signs commits and cannot without asking somebody, the commit is not signed, and a line says so.
    """
    if repo.run("config", "--type=bool", "--get", "commit.gpgSign", check=False).strip() != "true":
        yield (), {}
        return
    with _scratch(repo) as place:
        # Tried on a tag of an empty tree, in a store that goes away: the user's hooks run once.
        store = {
            "GIT_OBJECT_DIRECTORY": str(place / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(repo.common_dir / "objects"),
        }
        tree = repo.run("mktree", input="", env=store).strip()
        try:
            who = _Ident(repo.run("var", "GIT_COMMITTER_IDENT").strip())
            _tag(repo, place, "trial", tree, "trial\n", who, store)
        except CPVError as error:
            what = f"the commit is not signed: {error.what}"
            warn(str(CPVError(what, fix="git commit --amend --no-edit -S")))
            yield ("--no-gpg-sign",), {}
            return
        yield (), _asking_nobody(repo, place)


def _tag(
    repo: Repo,
    place: Path,
    name: str,
    target: str,
    message: str,
    ident: _Ident,
    store: Mapping[str, str] | None = None,
) -> str:
    objects = {"GIT_OBJECT_DIRECTORY": str(repo.common_dir / "objects"), **(store or {})}
    here = {"GIT_DIR": str(place), "GIT_WORK_TREE": str(repo.top)}
    env = environment({**objects, **here, **ident.environment, **_asking_nobody(repo, place)})
    why = _run(["tag", "-s", "-F", "-", "--cleanup=verbatim", name, target], repo.top, env, message)
    try:
        oid = (place / "refs/tags" / name).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise CPVError(why or "Git does not say why") from None
    # Where ssh-keygen fails, Git 2.39 makes the tag without a signature and ends with 0.
    if "\n-----BEGIN " not in repo.run("cat-file", "tag", oid, env=objects):
        raise CPVError(why or "Git does not say why")
    return oid


@contextmanager
def _scratch(repo: Repo) -> Iterator[Path]:
    """A Git directory that has no ref: `git tag` makes one, and only the object is wanted."""
    make_folder(repo.shared)
    with tempfile.TemporaryDirectory(prefix=state_files.SIGNING, dir=repo.shared) as folder:
        place = Path(folder)
        for name in ("refs", "objects"):
            (place / name).mkdir()
        (place / "HEAD").write_text("ref: refs/heads/none\n", encoding="ascii")
        # Git reads who may use a new object from the repository's own file alone.
        shared = repo.run("config", "--get", "core.sharedRepository", check=False).strip() or "false"
        settings = f"[core]\n\trepositoryFormatVersion = 0\n\tbare = false\n\tsharedRepository = {shared}\n"
        (place / "config").write_text(settings, encoding="ascii")
        yield place


def _asking_nobody(repo: Repo, place: Path) -> dict[str, str]:
    """The settings of the repository that decide about signatures, with programs that ask nobody."""
    listed = repo.run("config", "-z", "--get-regexp", _KEYS, check=False).split("\0")
    rows = [(key, value) for key, _, value in (line.partition("\n") for line in listed if line)]
    for key, (older, default) in _PROGRAMS.items():
        asked = [name for name in (key, older) if name]
        found = (repo.run("config", "--type=path", "--get", name, check=False)[:-1] for name in asked)
        program = next(filter(None, found), default)
        if default == "gpgsm" and not os.path.basename(program).startswith(default):
            continue  # smimesign and its like know none of these options
        wrapper = place / key
        wrapper.write_text(_WRAPPER.format(shlex.quote(program)), encoding="utf-8")
        wrapper.chmod(0o700)
        rows.append((key, str(wrapper)))
    # After what the user gives in the same way.
    first = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    env = {"GIT_CONFIG_COUNT": str(first + len(rows)), "SSH_ASKPASS_REQUIRE": "never"}
    for number, (key, value) in enumerate(rows, start=first):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return env


def _run(words: list[str], top: Path, env: Mapping[str, str], text: str) -> str | None:
    """Run Git in a session of its own, without a terminal; returns why it failed, or what it complained of."""
    command = ["git", "-c", f"core.hooksPath={os.devnull}", *words]
    with subprocess.Popen(
        command,
        cwd=top,
        env=env,
        start_new_session=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            _, printed = process.communicate(os.fsencode(text), timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return f"the program that signs did not end within {PATIENCE:.0f} seconds"
    lines = [bare(line).removeprefix("Enter passphrase: ").strip() for line in os.fsdecode(printed).splitlines()]
    said = [line for line in lines if line and not line.startswith(_NOISE)]
    return next((line for line in said if not line.startswith(_NO_REASON)), said[0] if said else None)
