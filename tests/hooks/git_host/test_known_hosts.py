"""Host keys: the published ones, those that somebody compared, and the ones that are refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cpv_hooks.accounts.git_host import known_hosts
from cpv_hooks.accounts.git_host.known_hosts import PINNED, Confirm
from cpv_hooks.accounts.git_host.pattern import SSH
from cpv_hooks.errors import CPVError
from support.ssh_keys import make_key, mode, ssh_folder
from support.sshd import HOST, SSHServer

CLOUD = SSH("bitbucket.org", None, "git", "a/b")
# support.atlassian.com, "Configure SSH and two-step verification".
PUBLISHED = {
    "ssh-ed25519": "SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM",
    "ecdsa-sha2-nistp256": "SHA256:FC73VB6C4OQLSCrjEayhMp9UMxS97caD/Yyi2bhW/J0",
    "ssh-rsa": "SHA256:46OSHA1Rmj8E8ERTC6xkNcmGOw9oFxYr0WF6zWW8l1E",
}


def do(address: SSH, fingerprint: str | None = None, confirm: Confirm | None = None) -> list[str]:
    steps = known_hosts.known_hosts_steps(address, fingerprint=fingerprint, confirm=confirm)
    for step in steps:
        step.do()
    return [str(step.effect) for step in steps]


def refusal(address: SSH, fingerprint: str | None = None, confirm: Confirm | None = None) -> str:
    """The line with which it is refused; nothing may be changed."""
    path = ssh_folder() / "known_hosts"
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(CPVError) as error:
        do(address, fingerprint, confirm)
    assert (path.read_bytes() if path.exists() else None) == before
    return str(error.value)


def known(content: str) -> Path:
    path = ssh_folder() / "known_hosts"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(content)
    return path


def at(server: SSHServer) -> SSH:
    return SSH(HOST, server.port, "git", "a/b")


def lookup(name: str, path: Path) -> str:
    done = subprocess.run(["ssh-keygen", "-F", name, "-f", path], capture_output=True, text=True, check=False)
    return done.stdout


# Bitbucket Cloud


def test_the_pinned_keys_have_the_published_fingerprints(tmp_path: Path) -> None:
    assert {key.kind: key.fingerprint for key in PINNED["bitbucket.org"]} == PUBLISHED
    lines = tmp_path / "keys"
    lines.write_text("".join(f"bitbucket.org {key.kind} {key.blob}\n" for key in PINNED["bitbucket.org"]))
    told = subprocess.run(["ssh-keygen", "-l", "-f", lines], capture_output=True, text=True, check=True).stdout
    assert [line.split()[1] for line in told.splitlines()] == list(PUBLISHED.values())


def test_the_published_keys_are_added_without_asking_anybody() -> None:
    path = ssh_folder() / "known_hosts"
    expected = [f"file: add the {kind} key {print_} of bitbucket.org to {path}" for kind, print_ in PUBLISHED.items()]
    assert do(CLOUD) == expected
    assert mode(path) == 0o600
    assert path.read_text().count("bitbucket.org ") == 3
    assert do(CLOUD) == []
    assert do(CLOUD, PUBLISHED["ssh-rsa"]) == []


def test_what_was_known_stays(tmp_path: Path) -> None:
    target = tmp_path / "known"
    target.write_text("a.example ssh-ed25519 AAAA")
    target.chmod(0o644)
    ssh_folder().mkdir(mode=0o700)
    (ssh_folder() / "known_hosts").symlink_to(target)
    do(CLOUD)
    assert (ssh_folder() / "known_hosts").is_symlink()
    assert target.read_text().startswith("a.example ssh-ed25519 AAAA\nbitbucket.org ssh-ed25519 ")
    assert mode(target) == 0o644


def test_a_key_that_bitbucket_does_not_publish_is_refused(tmp_path: Path) -> None:
    other = make_key(tmp_path / "other").with_suffix(".pub").read_text()
    path = known(f"bitbucket.org {other}")
    told = known_hosts.HostKey("ssh-ed25519", other.split()[1]).fingerprint
    assert refusal(CLOUD) == (
        f"{path}: this machine knows bitbucket.org by {told}, which is not what it publishes; somebody may be "
        f"listening in; fix: find out why, then ssh-keygen -R bitbucket.org -f {path} and again"
    )


def test_another_fingerprint_for_bitbucket_is_refused() -> None:
    wrong = "SHA256:" + "A" * 43
    told = ", ".join(PUBLISHED.values())
    line = f"bitbucket.org publishes the keys {told}, not {wrong}; fix: leave --host-fingerprint out"
    assert refusal(CLOUD, wrong) == line


@pytest.mark.parametrize("text", ["", "SHA256:x", "MD5:00", "SHA256:" + "A" * 43 + "; reboot"])
def test_what_is_no_fingerprint_is_refused(text: str) -> None:
    assert refusal(CLOUD, text) == (
        f"{text!r} is not a SHA256 fingerprint; "
        "fix: --host-fingerprint SHA256:… as the host's administrator publishes it"
    )


# Another host


def test_an_unknown_host_is_refused_with_the_command_that_accepts_it(ssh_server: SSHServer) -> None:
    name = f"[{HOST}]:{ssh_server.port}"
    assert refusal(at(ssh_server)) == (
        f"the key of {name} is not known; it shows ssh-ed25519 {ssh_server.fingerprint}; fix: compare that with "
        f"what its administrator publishes, then dvc cpv bitbucket-config --host {HOST} "
        f"--port {ssh_server.port} --host-fingerprint {ssh_server.fingerprint}"
    )


def test_the_right_fingerprint_is_accepted(ssh_server: SSHServer) -> None:
    path = ssh_folder() / "known_hosts"
    name = f"[{HOST}]:{ssh_server.port}"
    effect = f"file: add the ssh-ed25519 key {ssh_server.fingerprint} of {name} to {path}"
    assert do(at(ssh_server), ssh_server.fingerprint) == [effect]
    assert path.read_text() == f"{name} {ssh_server.host_key}\n"
    assert do(at(ssh_server)) == []
    assert do(at(ssh_server), ssh_server.fingerprint) == []


def test_another_fingerprint_is_refused(ssh_server: SSHServer) -> None:
    wrong = "SHA256:" + "A" * 43
    name = f"[{HOST}]:{ssh_server.port}"
    assert refusal(at(ssh_server), wrong) == (
        f"{name} has the key {ssh_server.fingerprint}, not {wrong}: it may be another machine in its place; fix: "
        "compare with what the host's administrator publishes"
    )
    do(at(ssh_server), ssh_server.fingerprint)
    path = ssh_folder() / "known_hosts"
    assert refusal(at(ssh_server), wrong) == (
        f"{path}: the key that this machine knows for {name} is {ssh_server.fingerprint}, not {wrong}; somebody may be "
        f"listening in; fix: find out why, then ssh-keygen -R '{name}' -f {path} and again"
    )


def test_a_person_is_shown_the_fingerprint_and_asked_before_anything_is_written(ssh_server: SSHServer) -> None:
    questions: list[str] = []

    def answer(yes: bool) -> Confirm:
        return lambda question: bool(questions.append(question)) or yes

    planned = known_hosts.known_hosts_steps(at(ssh_server), confirm=answer(True))
    assert str(planned[0].effect).endswith("known_hosts, if you confirm it")
    assert questions == []
    name = f"[{HOST}]:{ssh_server.port}"
    told = f"the key of {name} was not confirmed; fix: ask the host's administrator for it"
    assert refusal(at(ssh_server), confirm=answer(False)) == told
    assert questions == [f"{name} shows the ssh-ed25519 key {ssh_server.fingerprint}. Is it right?"]
    assert len(do(at(ssh_server), confirm=answer(True))) == 1
    assert do(at(ssh_server)) == []


def test_hashed_names_are_found(ssh_server: SSHServer) -> None:
    path = known(f"[{HOST}]:{ssh_server.port} {ssh_server.host_key}\nbitbucket.org {PINNED['bitbucket.org'][2].kind} "
                 f"{PINNED['bitbucket.org'][2].blob}\n")  # fmt: skip
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", path], check=True, capture_output=True)
    assert HOST not in path.read_text()
    assert lookup(f"[{HOST}]:{ssh_server.port}", path)
    assert do(at(ssh_server)) == []
    assert do(CLOUD) == []


def test_a_revoked_key_is_refused(ssh_server: SSHServer) -> None:
    path = known(f"@revoked [{HOST}]:{ssh_server.port} {ssh_server.host_key}\n")
    line = f"{path}: a key of [{HOST}]:{ssh_server.port} is marked as revoked; fix: edit {path}"
    assert refusal(at(ssh_server), ssh_server.fingerprint) == line


def test_nobody_there(ssh_server: SSHServer) -> None:
    ssh_server.stop()
    line = f"no SSH server answers at {HOST}, port {ssh_server.port}; fix: check the network, --host and --port"
    assert refusal(at(ssh_server)) == line


def test_no_host_of_that_name() -> None:
    assert refusal(SSH("no-such-host.invalid", 7999, "git", "a/b")) == (
        "no SSH server answers at no-such-host.invalid, port 7999 (there is no host of that name); fix: check "
        "the network, --host and --port"
    )


def test_a_name_that_the_users_configuration_gives_the_host_counts(ssh_server: SSHServer) -> None:
    known(f"the-git-host {ssh_server.host_key}\n")
    (ssh_folder() / "config").write_text(f"Host {HOST}\n  HostKeyAlias the-git-host\n")
    (ssh_folder() / "config").chmod(0o600)
    assert do(at(ssh_server)) == []
