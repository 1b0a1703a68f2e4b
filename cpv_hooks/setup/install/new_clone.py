"""`git clone`, as `dvc cpv clone` runs it."""

from __future__ import annotations

import posixpath
import subprocess
from pathlib import Path

from cpv_hooks.accounts.git_host.transport import check_url
from cpv_hooks.console.redact import redact
from cpv_hooks.errors import CPVError, shell_path
from cpv_hooks.git.repo import Repo, environment


def clone(url: str, folder: str | None = None, *, tag: str | None = None, depth: int | None = None) -> Repo:
    """Clone a repository, with HEAD at a tag or a branch, and with so many commits of each branch and tag.

    All tags come, however shallow the clone is: the next version is numbered by them. Raises `CPVError` for a URL that
    Git must not be given, and where Git fails, which has said why.
    """
    check_url(url)
    target = Path(folder or _name(url)).absolute()
    shallow = ["--depth", str(depth), "--no-single-branch"] if depth is not None else []
    at = ["--branch", tag] if tag is not None else []
    command = ["git", "clone", *shallow, *at, "--", url, str(target)]
    # Git may ask for a password, and shows its progress.
    done = subprocess.run(command, env=environment(), check=False)
    if done.returncode:
        fix = f"git ls-remote {shell_path(redact(url))} lists its branches and tags"
        raise CPVError(f"no clone was made (status {done.returncode})", where=redact(url), fix=fix)
    return Repo.discover(target)


def _name(url: str) -> str:
    """The folder that Git would choose."""
    name = posixpath.basename(url.rstrip("/").removesuffix("/.git").rpartition(":")[2].rstrip("/")).removesuffix(".git")
    if not name:
        raise CPVError("the URL gives no name for the folder", where=redact(url), fix="give its name after the URL")
    return name
