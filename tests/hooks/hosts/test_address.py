"""Where a connection goes: through `~/.ssh/config` and proxies, as ssh, Git and boto3 would."""

from __future__ import annotations

from pathlib import Path

import pytest

from cpv_hooks.errors import CPVError
from cpv_hooks.hosts.address import Address, of_git_url, of_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://host.example/x.git", Address("host.example", 443)),
        ("http://user@host.example:8080/x", Address("host.example", 8080)),
        ("git://host.example/x", Address("host.example", 9418)),
        ("ssh://git@host.example:7999/x", Address("host.example", 7999)),
        ("git+ssh://git@host.example/x", Address("host.example", 22)),
        ("git@host.example:team/model.git", Address("host.example", 22)),
        ("host.example:model", Address("host.example", 22)),
        ("https://[::1]:8443/x", Address("::1", 8443)),
        ("/srv/git/x.git", None),
        ("../x:y", None),
        ("./a:b", None),
        (":x", None),
        ("", None),
        ("file:///srv/git", None),
        ("https://host.example:port/x", None),
        ("foo://host.example/x", None),
        ("-oProxyCommand=touch x:y", Address("-oProxyCommand=touch x", 22)),
    ],
)
def test_addresses(url: str, expected: Address | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert of_git_url(url) == expected
    assert not (tmp_path / "x").exists()


def test_a_proxy_is_what_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "near.example")
    assert of_url("https://far.example/x") == Address("proxy.example", 3128)
    assert of_url("https://near.example/x") == Address("near.example", 443)
    monkeypatch.setenv("https_proxy", "proxy.example")
    assert of_url("https://far.example/x") == Address("proxy.example", 80)


def _fake_ssh(folder: Path, monkeypatch: pytest.MonkeyPatch, *settings: str) -> None:
    """`ssh -G` with a configuration of the test's: the real one reads only the account's own file."""
    script = folder / "ssh"
    script.write_text('#!/bin/sh\nexec /usr/bin/env -i ssh -F "$(dirname "$0")/config" "$@"\n')
    script.chmod(0o755)
    (folder / "config").write_text("\n".join(settings) + "\n")
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_the_ssh_configuration_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_ssh(
        tmp_path, monkeypatch,
        "Host bitbucket.org", "  HostName altssh.bitbucket.org", "  Port 443", "Host far", "  ProxyJump near",
    )  # fmt: skip
    assert of_git_url("git@bitbucket.org:team/model.git") == Address("altssh.bitbucket.org", 443)
    assert of_git_url("ssh://git@bitbucket.org:22/model") == Address("altssh.bitbucket.org", 22)
    assert of_git_url("git@far:team/model.git") is None


def test_without_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CPVError, match="host: ssh cannot be run; to mend it: install OpenSSH"):
        of_git_url("git@host:x")
