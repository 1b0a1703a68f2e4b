"""Whether the host lets the user in: each answer, from a real SSH server."""

from __future__ import annotations

import socket
import subprocess
import threading
from pathlib import Path

import pytest

from cpv_hooks.accounts.git_host import client, ssh_config
from cpv_hooks.accounts.git_host.connection import KeyNotAdded, Welcome, check_repository, greet, page_for_keys
from cpv_hooks.accounts.git_host.pattern import SSH
from cpv_hooks.accounts.git_host.transport import Unreachable
from cpv_hooks.errors import CPVError
from support.ssh_keys import make_key, ssh_folder
from support.sshd import HOST, SSHServer


@pytest.fixture
def key(ssh_server: SSHServer) -> Path:
    """A key that the server knows, in a home whose SSH configuration is complete."""
    path = make_key(ssh_folder() / "id_ed25519")
    ssh_server.add_key(path.with_suffix(".pub"))
    trust(ssh_server)
    for step in ssh_config.ssh_config_steps(ssh_config.HostEntry(HOST, path)):
        step.do()
    return path


def trust(server: SSHServer) -> None:
    (ssh_folder() / "known_hosts").write_text(f"[{HOST}]:{server.port} {server.host_key}\n")


def at(server: SSHServer) -> SSH:
    return SSH(HOST, server.port, "git", "AI-vision-model-checkpoints/resnet")


def refusal(address: SSH, key: Path | None = None, seconds: float = 5) -> CPVError:
    with pytest.raises(CPVError) as error:
        greet(address, key=key, seconds=seconds)
    return error.value


def test_bitbucket_cloud_lets_the_user_in(ssh_server: SSHServer, key: Path) -> None:
    assert greet(at(ssh_server), key=key) == Welcome("cloud")


def test_data_center_says_who_the_user_is(ssh_server: SSHServer, key: Path) -> None:
    ssh_server.like = "data center"
    ssh_server.add_key(key.with_suffix(".pub"), "grace")
    assert greet(at(ssh_server), key=key) == Welcome("data center", "grace")


@pytest.mark.parametrize("like", ["shell", "stranger"])
def test_what_is_no_bitbucket_is_told_apart(ssh_server: SSHServer, key: Path, like: str) -> None:
    ssh_server.like = like  # type: ignore[assignment]
    assert str(refusal(at(ssh_server), key)) == (
        f"{HOST}:{ssh_server.port}: it lets the key in, but does not answer as Bitbucket does; fix: dvc cpv "
        f"bitbucket-config --host {HOST} --port 7999, or --no-test for another kind of Git host"
    )


def test_a_key_that_was_not_added_is_printed_with_the_place_for_it(ssh_server: SSHServer, key: Path) -> None:
    ssh_server.users.clear()
    error = refusal(at(ssh_server), key)
    assert isinstance(error, KeyNotAdded)
    public = key.with_suffix(".pub").read_text().strip()
    assert str(error) == (
        f"{HOST}:{ssh_server.port}: it does not know your key yet; fix: paste the line {public!r} at "
        f"https://{HOST}/plugins/servlet/ssh/account/keys, then dvc cpv bitbucket-config again"
    )
    assert isinstance(refusal(at(ssh_server)), KeyNotAdded)


def test_the_pages_for_keys() -> None:
    assert page_for_keys("bitbucket.org") == "https://bitbucket.org/account/settings/ssh-keys/"
    assert page_for_keys("git.example.com") == "https://git.example.com/plugins/servlet/ssh/account/keys"


def test_a_key_with_a_passphrase_that_no_agent_holds(ssh_server: SSHServer, key: Path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-p", "-P", "", "-N", "correct horse", "-f", key], check=True, capture_output=True
    )
    assert str(refusal(at(ssh_server), key)) == (
        f"{HOST}:{ssh_server.port}: your key has a passphrase, and no agent holds it; fix: ssh-add {key}"
    )


def test_an_unknown_host_key(ssh_server: SSHServer, key: Path) -> None:
    (ssh_folder() / "known_hosts").unlink()
    assert str(refusal(at(ssh_server), key)) == (
        f"{HOST}:{ssh_server.port}: its host key is not known to this machine; fix: dvc cpv bitbucket-config "
        f"--host {HOST}"
    )
    assert not (ssh_folder() / "known_hosts").exists()


def test_a_changed_host_key(ssh_server: SSHServer, key: Path) -> None:
    ssh_server.change_host_key()
    before = (ssh_folder() / "known_hosts").read_bytes()
    assert str(refusal(at(ssh_server), key)) == (
        f"{HOST}:{ssh_server.port}: its host key has CHANGED, to {ssh_server.fingerprint}: somebody may be in its place"
        f"; fix: ask its administrator whether that is so, then delete line 1 of {ssh_folder() / 'known_hosts'}"
        ", and dvc cpv bitbucket-config"
    )
    assert (ssh_folder() / "known_hosts").read_bytes() == before


def test_no_host_of_that_name() -> None:
    error = refusal(SSH("no-such-host.invalid", None, "git", "a/b"))
    assert isinstance(error, Unreachable)
    assert "there is no host no-such-host.invalid, or no network" in str(error)


def test_nobody_listens(ssh_server: SSHServer, key: Path) -> None:
    ssh_server.stop()
    error = refusal(at(ssh_server), key)
    assert isinstance(error, Unreachable)
    assert "does not answer" in str(error)


def test_no_answer(ssh_server: SSHServer, key: Path) -> None:
    with ssh_server.hang():
        error = refusal(at(ssh_server), key, seconds=1)
    assert isinstance(error, Unreachable)
    assert "does not answer" in str(error)


def test_no_ssh_server() -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]

        def speak_http() -> None:
            connection = listener.accept()[0]
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 100)

        thread = threading.Thread(target=speak_http)
        thread.start()
        error = refusal(SSH(HOST, port, "git", "a/b"))
        thread.join()
    assert str(error) == f"{HOST}:{port}: no SSH server answers there; fix: check --host and --port"


def test_a_configuration_that_ssh_refuses() -> None:
    ssh_folder().mkdir(mode=0o700)
    (ssh_folder() / "config").write_text("Nonsense yes\n")
    line = str(refusal(SSH(HOST, 1, "git", "a/b")))
    assert line.startswith(f"{HOST}:1: ssh refuses its configuration: ")
    assert line.endswith(f"Bad configuration option: nonsense; fix: edit {ssh_folder() / 'config'}")


# The repository


def test_a_repository_that_is_there(ssh_server: SSHServer, key: Path) -> None:
    ssh_server.make("vision", "resnet")
    check_repository(ssh_server.url("vision", "resnet"))
    assert ssh_server.log == ["ada: git-upload-pack '/AI-vision-model-checkpoints/resnet.git'"]


@pytest.mark.parametrize("like", ["cloud", "data center"])
def test_a_repository_that_is_missing_says_what_to_create_where(ssh_server: SSHServer, key: Path, like: str) -> None:
    ssh_server.like = like  # type: ignore[assignment]
    url = ssh_server.url("vision", "resnet")
    with pytest.raises(CPVError) as error:
        check_repository(url)
    assert str(error.value) == (
        f"{url}: there is no such repository, or you have no access to it; fix: create the repository resnet in "
        f"AI-vision-model-checkpoints on https://{HOST}, or have its owner give you access"
    )


def test_a_host_that_refuses_is_no_missing_repository(ssh_server: SSHServer, key: Path) -> None:
    ssh_server.users.clear()
    with pytest.raises(KeyNotAdded, match="it does not know your key"):
        check_repository(ssh_server.url("vision", "resnet"))
    ssh_server.change_host_key()
    with pytest.raises(CPVError, match="its host key has CHANGED"):
        check_repository(ssh_server.url("vision", "resnet"))
    ssh_server.stop()
    with pytest.raises(Unreachable, match="does not answer"):
        check_repository(ssh_server.url("vision", "resnet"))


def test_a_repository_on_this_machine(tmp_path: Path) -> None:
    with pytest.raises(CPVError, match="there is no such repository"):
        check_repository(str(tmp_path / "none"))


def test_ssh_is_told_where_to_look_only_where_it_does_not_look_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.options() == ["-F", "none", "-o", f'UserKnownHostsFile="{ssh_folder() / "known_hosts"}"']
    monkeypatch.setenv("HOME", str(client.home_of_ssh()))
    assert client.options() == []
    assert client.git_environment(5)["GIT_SSH_COMMAND"] == (
        "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=5"
    )
    assert client.git_environment(5, configured="ssh -4")["GIT_SSH_COMMAND"].startswith("ssh -4 -o BatchMode=yes")
