"""Where a connection goes: through `~/.ssh/config` and proxies, as ssh, Git and boto3 would."""

from __future__ import annotations

from pathlib import Path

import pytest

from cpv_hooks.accounts.git_host.address import Address, of_git_url, of_url
from cpv_hooks.errors import CPVError


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
    ],
)
def test_addresses(url: str, expected: Address | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert of_git_url(url) == expected


def test_a_host_that_is_an_option_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CPVError, match="ssh cannot read its configuration: hostname contains invalid characters"):
        of_git_url("-oProxyCommand=touch x:y")
    assert list(tmp_path.iterdir()) == []


def test_a_proxy_is_what_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "near.example")
    assert of_url("https://far.example/x") == Address("proxy.example", 3128)
    assert of_url("https://near.example/x") == Address("near.example", 443)
    monkeypatch.setenv("https_proxy", "proxy.example")
    assert of_url("https://far.example/x") == Address("proxy.example", 80)


def test_the_ssh_configuration_is_asked() -> None:
    folder = Path.home() / ".ssh"
    folder.mkdir()
    (folder / "config").write_text(
        "Host bitbucket.org\n  HostName altssh.bitbucket.org\n  Port 443\nHost far\n  ProxyJump near\n"
    )
    assert of_git_url("git@bitbucket.org:team/model.git") == Address("altssh.bitbucket.org", 443)
    assert of_git_url("ssh://git@bitbucket.org:22/model") == Address("altssh.bitbucket.org", 22)
    assert of_git_url("git@far:team/model.git") is None


def test_without_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CPVError, match="ssh is not on the PATH; fix: install OpenSSH's client"):
        of_git_url("git@host:x")
