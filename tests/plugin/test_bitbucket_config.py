"""`dvc cpv bitbucket-config`, as a person types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.shell import BIN, Shell
from support.ssh_keys import lead_git_home, listing, make_key, ssh_folder
from support.sshd import HOST, SSHServer
from support.terminal import converse
from support.unchanged import nothing_changes


@pytest.mark.specification("4.16", "`cpv bitbucket-config`", "`bitbucket-config`")
def test_a_dry_run_lists_the_effects_and_changes_nothing(shell: Shell, ssh_server: SSHServer) -> None:
    options = ["--host", HOST, "--port", str(ssh_server.port), "--host-fingerprint", ssh_server.fingerprint]
    with nothing_changes(shell.path):
        done = shell.cpv("bitbucket-config", *options, "--user", "ada", "--dry-run")
    assert [line.partition(": ")[0] for line in done.lines] == ["would file"] * 5
    assert done.lines[1] == f"would file: make the folder {ssh_folder()} (mode 0700)"
    assert done.err == ""


def test_without_a_terminal_an_unknown_host_is_refused_in_one_line(shell: Shell, ssh_server: SSHServer) -> None:
    done = shell.cpv("bitbucket-config", "--host", HOST, "--port", str(ssh_server.port), status=1)
    assert done.out == ""
    assert done.err == (
        f"cpv: the key of [{HOST}]:{ssh_server.port} is not known; it shows ssh-ed25519 {ssh_server.fingerprint}; fix: "
        f"compare that with what its administrator publishes, then dvc cpv bitbucket-config --host {HOST} "
        f"--port {ssh_server.port} --host-fingerprint {ssh_server.fingerprint}\n"
    )
    assert not ssh_folder().exists()


def test_a_port_that_is_no_number_is_refused(shell: Shell) -> None:
    assert "invalid int value: 'x'" in shell.cpv("bitbucket-config", "--port", "x", status=254).err


@pytest.mark.parametrize("answer", ["y", "n"])
def test_on_a_terminal_the_host_key_is_confirmed(ssh_server: SSHServer, tmp_path: Path, answer: str) -> None:
    key = make_key(tmp_path / "key")
    ssh_server.add_key(key.with_suffix(".pub"))
    lead_git_home()
    command = [BIN / "dvc", "cpv", "bitbucket-config", "--host", HOST, "--port", str(ssh_server.port)]
    question = f"shows the ssh-ed25519 key {ssh_server.fingerprint}. Is it right? [y/N]"
    status, shown = converse([*command, "--keygen-filename", key], tmp_path, [(question, answer)])
    if answer == "y":
        assert status == 0, shown
        assert f"cpv: {HOST} lets you in\n" in shown
    else:
        assert status == 1
        assert "was not confirmed; fix: ask the host's administrator for it" in shown
        assert not ssh_folder().exists()


def test_remove_takes_the_entry_out_and_leaves_the_rest(shell: Shell) -> None:
    config = ssh_folder() / "config"
    ssh_folder().mkdir(mode=0o700)
    config.write_text("Host other\n  User ada\n")
    shell.cpv("bitbucket-config", "--no-test", "-q")
    before = listing(ssh_folder())
    effect = f"remove the entry `Host bitbucket.org` from {config}"
    assert shell.cpv("bitbucket-config", "--remove", "--dry-run").lines == [f"would file: {effect}"]
    assert listing(ssh_folder()) == before
    shell.cpv("bitbucket-config", "--remove")
    assert listing(ssh_folder()) == before | {"config": b"Host other\n  User ada\n"}
    assert shell.cpv("bitbucket-config", "--remove", "--dry-run").lines == ["would change nothing"]
