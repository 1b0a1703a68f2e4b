"""The lines of the checklist that ask others: the remote, and the hosts of the remote and of Git."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence

from cpv_hooks.accounts.git_host.address import Address, of_git_url, of_url
from cpv_hooks.console.check_result import Check, Question, Result
from cpv_hooks.console.redact import redact
from cpv_hooks.errors import shell_word
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.objects.open import open_remote, refuse_vanished
from cpv_hooks.transfer.objects.remote_kinds import kind_of
from cpv_hooks.worktree import remotes_in_use

CONNECT_SECONDS = 5.0


def remote_answers(name: str, project: Project) -> Question:
    """Whether a DVC root's remote can be reached and lets us in."""

    def ask() -> Check:
        remote = open_remote(project)
        remote.check()
        refuse_vanished(project, remote)
        return Check(name, "ok", f"{who} answers")

    who = redact(f"{project.remote_name} ({project.remote_url})")
    return Question(name, who, ask, f"dvc remote modify {shell_word(project.remote_name)} …")


def dvc_remote(project: Project) -> Iterator[Check]:
    """Whether the default remote, and those that outputs name, are configured and CPV can use them; nobody is asked."""
    for name in remotes_in_use.remote_names(project) or [None]:
        at = project.at(name)
        open_remote(at)
        yield Check("dvc-remote", "ok", redact(f"{at.remote_name} is {at.remote_url}"))


def network(project: Project, remotes: Sequence[Project]) -> list[Question]:
    """Whether the hosts of the DVC remotes (at hand in these) and of `origin` resolve and take a connection.

    Nothing is sent to `origin` before `git push`, so that one is worth a warning alone.
    """
    return [
        *(_reaches_remote(at) for at in remotes),
        Question("network", "the Git host", lambda: _reach("the Git host", _of_origin(project), "warn")),
    ]


def _reaches_remote(project: Project) -> Question:
    return Question("network", "the DVC remote's host", lambda: _reach("the DVC remote", _of_remote(project), "fail"))


def _reach(what: str, address: Address | None, result: Result) -> Check:
    if address is None:
        return Check("network", "ok", f"{what} needs no host")
    where = f"{what} ({address})"
    try:
        socket.create_connection((address.host, address.port), timeout=CONNECT_SECONDS).close()
    except (socket.gaierror, UnicodeError):
        return Check("network", result, f"{where}: no host of that name is known", "check the network, and the name")
    except OSError as error:
        why = (error.strerror or str(error) or type(error).__name__).lower()
        return Check("network", result, f"{where}: {why}", "check the network")
    return Check("network", "ok", f"{where} takes connections")


def _of_remote(project: Project) -> Address | None:
    return of_url(kind_of(project.remote_url or "").endpoint(project))


def _of_origin(project: Project) -> Address | None:
    return of_git_url(project.repo.run("remote", "get-url", "--push", "origin", check=False).strip())
