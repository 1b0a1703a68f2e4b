"""Git talking to a host: URLs that it must not be given, and failures as one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from cpv_hooks.accounts.git_host.transport import HostError, Unreachable, check_url, explain_ssh, is_local, talk
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from support.shell import Shell


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("", "'' is not a repository's URL; fix: dvc cpv config set bitbucket.url_pattern URL"),
        ("--upload-pack=touch x", "'--upload-pack=touch x' is not a repository's URL"),
        ("-x:y", "'-x:y' is not a repository's URL"),
        ("ssh://-oProxyCommand=x/y", "is not a repository's URL"),
        ("git@-oProxyCommand=x:y", "is not a repository's URL"),
        ("ssh://[x/y", "is not a repository's URL"),
        ("git@host:a\nb", "is not a repository's URL"),
        ("ext::sh -c x", "ext::sh -c x: ext is not a protocol for repositories (ssh, https, file)"),
        ("http://host/x", "http is not a protocol for repositories (ssh, https, file)"),
        ("git://host/x", "git is not a protocol for repositories"),
        ("https://me:secret@host/x", "https://me:***@host/x: the repository's URL holds a password"),
    ],
)
def test_refused(url: str, what: str) -> None:
    with pytest.raises(CPVError) as raised:
        check_url(url)
    assert what in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("git@bitbucket.org:AI-vision-model-checkpoints/resnet.git", False),
        ("bitbucket.org:x/y", False),
        ("ssh://git@host:7999/x/y.git", False),
        ("https://me@host/x", False),
        ("file:///srv/x", True),
        ("/srv/x", True),
        ("../x", True),
        ("./a:b", True),
    ],
)
def test_allowed(url: str, local: bool) -> None:
    check_url(url)
    assert is_local(url) is local


@pytest.fixture
def repo(shell: Shell) -> Repo:
    shell.git("init", "-q")
    return Repo.discover(shell.path)


@pytest.mark.parametrize(
    ("url", "kind", "what"),
    [
        ("ssh://git@127.0.0.1:1/x", Unreachable, "[127.0.0.1]:1 does not answer"),
        ("https://127.0.0.1:1/x", Unreachable, "[127.0.0.1]:1 does not answer"),
        ("git@host.invalid:x", Unreachable, "there is no host host.invalid, or no network"),
        ("https://host.invalid/x", Unreachable, "there is no host host.invalid, or no network"),
        ("/nowhere", HostError, "/nowhere: there is no such repository, or you have no access to it"),
        ("file:///nowhere", HostError, "there is no such repository, or you have no access to it"),
    ],
)
def test_what_git_and_ssh_really_say(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, url: str, kind: type[HostError], what: str
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(HostError) as raised:
        talk(repo, url, "ls-remote", url)
    assert type(raised.value) is kind
    assert what in str(raised.value)
    assert raised.value.fix


def test_another_protocol_behind_the_users_own_rewriting(repo: Repo, tmp_path: Path) -> None:
    repo.run("config", f"url.ext::touch {tmp_path}/ran .insteadOf", "https://host/")
    with pytest.raises(HostError, match="Git says: transport 'ext' not allowed; fix: git ls-remote"):
        talk(repo, "https://host/x", "ls-remote", "https://host/x")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("printed", "what"),
    [
        # What hosts print that cannot be had here, word for word.
        (
            "git@bitbucket.org: Permission denied (publickey).\nfatal: Could not read from remote repository.\n",
            "bitbucket.org does not let you in; fix: dvc cpv bitbucket-config",
        ),
        (
            "@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.\n",
            "the key of bitbucket.org is not the one that this machine knows; fix: ask whoever runs the host "
            "why, then ssh-keygen -R bitbucket.org",
        ),
        (
            "No ED25519 host key is known for bitbucket.org\nHost key verification failed.\nfatal: Could not read\n",
            "the key of bitbucket.org is not known to this machine; fix: dvc cpv bitbucket-config",
        ),
        (
            "The requested repository either does not exist or you do not have access. If you believe this\n",
            "there is no such repository, or you have no access to it; fix: check the team's and the model's name",
        ),
        ("remote: warming up\nfatal: the remote end hung up\n", "Git says: the remote end hung up; fix:"),
        ("", "Git says: no reason given"),
    ],
)
def test_what_other_hosts_say(printed: str, what: str) -> None:
    assert what in str(explain_ssh(printed, "git@bitbucket.org:team/model.git"))


def test_a_password_over_https_is_asked_for_by_git_alone() -> None:
    printed = "fatal: could not read Username for 'https://host': terminal prompts disabled\n"
    found = explain_ssh(printed, "https://host/x")
    assert str(found) == "https://host/x: host does not let you in; fix: git ls-remote https://host/x"
