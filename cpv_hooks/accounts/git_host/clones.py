"""The clones that CPV keeps for reading, where the user has none: one for each model, in the personal folder.

Nothing of a cloned repository is ever run, and of its files only `.cpv.toml` and DVC's configuration are checked out;
what its versions hold is read from Git's objects.
"""

from __future__ import annotations

import io
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.accounts.git_host.transport import HostError, Unreachable, check_url, is_local, talk
from cpv_hooks.console.output import say, warn
from cpv_hooks.console.redact import redact
from cpv_hooks.dvcformat.remote_url import is_on_s3
from cpv_hooks.errors import CPVError, disk_errors
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.config import FILE
from cpv_hooks.project.config_file import load_config
from cpv_hooks.project.project import managed_roots
from cpv_hooks.state_files import cpv_home
from cpv_hooks.system.atomic_files import TEMPORARY, write_atomic
from cpv_hooks.system.folder_names import folder_name
from cpv_hooks.system.locks import locked

_NO_OPTIONS: Mapping[str, str] = {}
_HEAD = "refs/cpv/head"
_REFS = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
_CONFIG = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    # A link that is checked out as a file cannot lead out of the clone.
    "core.symlinks": "false",
    "core.sparseCheckout": "true",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
}
_SPARSE = f"{FILE}\n.dvc/config\n.dvc/.gitignore\n"
# Highest in precedence (gitattributes(5)): no filter of the user's is started by what a repository asks for.
_ATTRIBUTES = "* -filter -text -eol -ident -working-tree-encoding\n"


def managed_clone(
    team: str, model: str, url: str, *, home: Path | None = None, remote_options: Mapping[str, str] = _NO_OPTIONS
) -> Repo:
    """The clone of a team's model that CPV keeps, with all tags and branches of `url` as they are now.

    It is made when it is first asked for, and made anew where it is damaged; another process that works on it is waited
    for. Where the host cannot be reached an existing clone serves as it is, with a warning. `remote_options` are DVC's
    options of the default remote where that is on S3 (`profile`, `credentialpath` …); they go into the private
    `config.local`. Objects are cached beside the clone, so they outlive it.

    Raises `HostError` for a host or repository that cannot be read, and `CPVError` for a URL that Git must not be given
    and for a repository that is another team's or another model's.
    """
    check_url(url)
    if is_local(url) and not url.startswith("file://"):
        url = str(Path(url).absolute())
    clone = _Clone(team, model, url, home or cpv_home(), remote_options)
    with disk_errors(clone.place):
        return clone.up_to_date()


class _Clone:
    def __init__(self, team: str, model: str, url: str, home: Path, remote_options: Mapping[str, str]) -> None:
        self.place = home / state_files.REPOSITORIES / folder_name(team) / folder_name(model)
        self._cache = home / state_files.CACHE / folder_name(team) / folder_name(model)
        self._home = home
        self._team, self._model, self._url = team, model, url
        self._remote_options = remote_options

    def up_to_date(self) -> Repo:
        self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = self.place.with_name(f".{self.place.name}.lock")
        with locked(lock, wait=True, say=f"reading {self._team}/{self._model}"):
            for leftover in self.place.parent.glob(f".{self.place.name}.*{TEMPORARY}"):
                shutil.rmtree(leftover, ignore_errors=True)
            return self._refreshed() if self.place.exists() else self._made()

    def _refreshed(self) -> Repo:
        # Never searched for: around a clone that lost its `.git` may lie another repository of the user's.
        repo = _repo(self.place)
        try:
            self._fetch(repo)
        except Unreachable as error:
            if not _is_sound(repo):
                raise
            warn(f"{error.where}: {error.what}; using what was fetched before")
        except HostError:
            # Who is not let in any more gets no old copy either; but a damaged clone fails in the same place.
            if _is_sound(repo):
                raise
            return self._made()
        except CPVError:
            return self._made()
        if not _is_sound(repo):
            return self._made()
        try:
            self._check_out(repo)
        except _Unusable:
            raise
        except CPVError:
            # What Git itself trips over: a lock that a killed process left, an index that is no index.
            return self._made()
        return repo

    def _made(self) -> Repo:
        say(f"cloning {redact(self._url)}")
        temporary = self.place.with_name(f".{self.place.name}.{secrets.token_hex(4)}{TEMPORARY}")
        temporary.mkdir(parents=True)
        try:
            repo = _initialised(temporary)
            self._fetch(repo)
            self._check_out(repo)
            if self.place.exists():
                self.place.rename(self.place.with_name(f".{self.place.name}.{secrets.token_hex(4)}{TEMPORARY}"))
            temporary.rename(self.place)
        finally:
            for leftover in self.place.parent.glob(f".{self.place.name}.*{TEMPORARY}"):
                shutil.rmtree(leftover, ignore_errors=True)
        return _repo(self.place)

    def _fetch(self, repo: Repo) -> None:
        repo.run("config", "remote.origin.url", self._url)
        # Nothing is merged and no tag of this clone is anybody's own, so all of them follow the host's.
        options = ("--quiet", "--force", "--prune", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
        try:
            talk(repo, self._url, "fetch", *options, "origin", *_REFS, f"+HEAD:{_HEAD}")
        except HostError as error:
            if "remote ref HEAD" not in error.what:
                raise
            # The host's HEAD names a branch that is not there.
            repo.run("update-ref", "-d", _HEAD)
            talk(repo, self._url, "fetch", *options, "origin", *_REFS)

    def _check_out(self, repo: Repo) -> None:
        repo.run("reset", "--quiet", "--hard", self._tip(repo))
        self._check_identity(repo)
        for root in managed_roots(repo):
            self._write_private_settings(root)

    def _tip(self, repo: Repo) -> str:
        branches = repo.run("for-each-ref", "--format=%(refname)", "refs/remotes/origin").split()
        likely = [_HEAD, "refs/remotes/origin/main", "refs/remotes/origin/master", *branches]
        found = next(filter(None, map(repo.resolve, likely)), None)
        if found is None:
            raise _Unusable(
                "the repository has no commit yet", where=redact(self._url), fix="git push from a clone of it"
            )
        return found

    def _check_identity(self, repo: Repo) -> None:
        """A root that does not say whose it is, is anybody's."""
        said = [(config.team, config.model) for config in map(load_config, managed_roots(repo))]
        if any(team in (None, self._team) and model in (None, self._model) for team, model in said):
            return
        where = redact(self._url)
        if not said:
            fix = "git clone it, dvc cpv init there, git push"
            raise _Unusable(f"CPV does not manage this repository (no {FILE})", where=where, fix=fix)
        team, model = said[0]
        what = f"this is the repository of {team or '?'}/{model or '?'}, not of {self._team}/{self._model}"
        raise _Unusable(what, where=where, fix="check the names, or dvc cpv config set bitbucket.url_pattern URL")

    def _write_private_settings(self, root: Path) -> None:
        from configobj import ConfigObj  # type: ignore[import-untyped]

        shared = ConfigObj(str(root / ".dvc" / "config"), interpolation=False)
        settings = ConfigObj(interpolation=False)
        settings["cache"] = {"dir": str(self._cache)}
        section = f'remote "{shared.get("core", {}).get("remote")}"'
        # DVC refuses options that the kind of remote does not have.
        if self._remote_options and is_on_s3(str(shared.get(section, {}).get("url"))):
            settings[section] = dict(self._remote_options)
        text, place = io.BytesIO(), root / ".dvc" / "config.local"
        settings.write(text)
        if not place.is_file() or place.read_bytes() != text.getvalue():
            write_atomic(place, text.getvalue(), mode=0o600)


class _Unusable(CPVError):
    """The repository is well, but not one that can be used."""


def _repo(path: Path) -> Repo:
    return Repo(path, path / ".git", path / ".git")


def _initialised(path: Path) -> Repo:
    repo = _repo(path)
    # The settings of the clone come after it, and a newer Git runs a hook of the user's when HEAD is made.
    repo.run(
        "-c", f"core.hooksPath={_CONFIG['core.hooksPath']}", "init", "--quiet", "--template=", "--initial-branch=main"
    )
    for key, value in _CONFIG.items():
        repo.run("config", key, value)
    write_atomic(repo.git_dir / "info" / "sparse-checkout", _SPARSE.encode())
    write_atomic(repo.git_dir / "info" / "attributes", _ATTRIBUTES.encode())
    return repo


def _is_sound(repo: Repo) -> bool:
    """Whether every object that a branch or a tag needs is there."""
    return repo.git_dir.is_dir() and repo.ok("rev-list", "--objects", "--quiet", "--all")
