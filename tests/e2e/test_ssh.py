"""Two people, one repository on a Git host that speaks SSH alone: set up, pushed, cloned, the same bytes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cpv_hooks.accounts.git_host.git_host_setup import plan_git_host
from cpv_hooks.accounts.git_host.git_host_target import GitHostRequest
from support import sandbox
from support.shell import Shell
from support.ssh_keys import lead_git_home, make_key, ssh_folder
from support.sshd import HOST, SSHServer


def _setup(server: SSHServer, name: str) -> Shell:
    """A person's first steps on a machine of their own: `bitbucket-config`, and the key pasted on the host's page."""
    lead_git_home()
    shell = Shell(Path.home())
    options = ["--host", HOST, "--port", str(server.port), "--host-fingerprint", server.fingerprint, "--user", name]
    refused = shell.cpv("bitbucket-config", *options, status=1)
    assert f"it does not know your key yet; fix: paste the line '{_public()}' at https://{HOST}/" in refused.err
    server.add_key(ssh_folder() / "id_ed25519.pub", name)
    assert shell.cpv("bitbucket-config").err == f"cpv: {HOST} lets you in\n"
    return shell


def _ready(server: SSHServer, name: str) -> Shell:
    """The same, done already."""
    lead_git_home()
    server.add_key(make_key(ssh_folder() / "id_ed25519").with_suffix(".pub"), name)
    plan_git_host(GitHostRequest(host=HOST, port=server.port, host_fingerprint=server.fingerprint), Path.home()).run()
    return Shell(Path.home())


def _public() -> str:
    return (ssh_folder() / "id_ed25519.pub").read_text().strip()


def _move_to_new_home(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Be another person on another machine."""
    for key, value in sandbox.environment(folder).items():
        patch.setenv(key, value)


@pytest.mark.compatibility("Remotes", "Git hosts over SSH (Bitbucket Cloud and Data Center)")
@pytest.mark.specification(
    "1.2",
    "Git host `AI-{TeamName}-model-checkpoints/{model_name}`",
    "`bitbucket-config`, `init`",
    "`setup_bitbucket_ssh`",
)
def test_push_and_clone_over_ssh(ssh_server: SSHServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = tmp_path / "storage"
    ada = _setup(ssh_server, "ada")
    ada.cpv("init", "resnet", "--team-name", "vision", "--remote", storage)
    repo = Shell(ada.path / "resnet")
    url = ssh_server.url("vision", "resnet")
    assert repo.git("remote", "get-url", "origin").lines == [url]

    # The repository has to be made on the host's page.
    missing = repo.cpv("bitbucket-config", status=1)
    assert "create the repository resnet in AI-vision-model-checkpoints on https://127.0.0.1" in missing.err
    ssh_server.make("vision", "resnet")
    assert repo.cpv("bitbucket-config").err == f"cpv: {HOST} lets you in; the repository is {url}\n"

    repo.write("model.bin", b"better weights" * 1000)
    repo.git("commit", "-q", "-a", "-m", "Better")
    repo.git("push", "-q", "-u", "origin", "main")
    tags = {"refs/tags/v0.0", "refs/tags/v0.1", "refs/tags/data-v0.0"}
    assert set(ssh_server.refs("vision", "resnet")) == {"refs/heads/main", *tags}
    bytes_of_ada = repo.tree()

    _move_to_new_home(monkeypatch, tmp_path / "grace")
    ssh_server.like = "data center"
    grace = Shell(Path.home())
    lead_git_home()
    options = ["--host", HOST, "--port", str(ssh_server.port), "--host-fingerprint", ssh_server.fingerprint]
    grace.cpv("bitbucket-config", *options, "--no-test")
    ssh_server.add_key(ssh_folder() / "id_ed25519.pub", "grace")
    grace.git("clone", "-q", url)
    clone = Shell(grace.path / "resnet")
    clone.cpv("install")
    assert clone.tree() == bytes_of_ada
    assert clone.cpv("bitbucket-config").err == f"cpv: {HOST} lets you in as grace; the repository is {url}\n"


def test_a_push_without_its_data_leaves_the_server_without_the_ref(ssh_server: SSHServer, tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    ada = _ready(ssh_server, "ada")
    ssh_server.make("vision", "resnet")
    ada.cpv("init", "resnet", "--team-name", "vision", "--remote", storage)
    repo = Shell(ada.path / "resnet")
    repo.git("push", "-q", "-u", "origin", "main")
    before = ssh_server.refs("vision", "resnet")
    repo.write(".cpv.toml", repo.read(".cpv.toml") + b'\n[push]\nwhen = "never"\n')
    repo.write("model.bin", b"weights that nobody else will have" * 100)
    repo.git("commit", "-q", "-a", "-m", "Local")
    object_name = repo.md5("model.bin")
    lost = repo.path / ".dvc/cache/files/md5" / object_name[:2] / object_name[2:]
    lost.unlink()
    repo.write("model.bin", b"something else by now")
    refused = repo.git("push", "origin", "main", status=1).err
    assert "model.bin" in refused
    assert "fix: " in refused
    assert ssh_server.refs("vision", "resnet") == before


def test_who_may_only_read_is_told_by_the_host(ssh_server: SSHServer, tmp_path: Path) -> None:
    _ready(ssh_server, "reader")
    ssh_server.make("vision", "resnet")
    ssh_server.readers.add("reader")
    folder = tmp_path / "plain"
    subprocess.run(["git", "init", "-q", folder], check=True)
    plain = Shell(folder)
    plain.git("commit", "-q", "--allow-empty", "-m", "one")
    refused = plain.git("push", ssh_server.url("vision", "resnet"), "main", status=128).err
    assert "You do not have write access to this repository." in refused
    assert ssh_server.refs("vision", "resnet") == {}
