"""The SSH key: made where there is none, used where there is one, never overwritten."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cpv_hooks.accounts.git_host import keys
from cpv_hooks.errors import CPVError
from support.ssh_keys import listing, make_key, mode, ssh_folder
from support.terminal import converse


def do(path: Path) -> list[str]:
    """Plan and do; the effects."""
    steps = keys.key_steps(path)
    for step in steps:
        step.do()
    return [str(step.effect) for step in steps]


def test_a_key_is_made_with_its_folder_and_without_a_passphrase(capsys: pytest.CaptureFixture[str]) -> None:
    path = keys.key_path("id_bitbucket")
    assert path == ssh_folder() / "id_bitbucket"
    planned = [str(step.effect) for step in keys.key_steps(path)]
    assert not ssh_folder().exists()
    assert do(path) == planned
    assert planned == [
        f"file: make the folder {ssh_folder()} (mode 0700)",
        f"file: make the ed25519 key {path} and id_bitbucket.pub (without a passphrase)",
    ]
    assert (mode(ssh_folder()), mode(path)) == (0o700, 0o600)
    public = keys.public_key(path)
    assert public.startswith("ssh-ed25519 AAAA")
    assert public.endswith(f" {keys.comment()}")
    assert re.fullmatch(r"\S+@\S+ cpv", keys.comment())
    assert capsys.readouterr().err.splitlines() == [
        f"cpv: made the key {path}",
        f"cpv: warning: {path} has no passphrase; to give it one: ssh-keygen -p -f {path}",
    ]
    assert not keys.is_locked(path)


@pytest.mark.parametrize(("kind", "bits"), [("ed25519", None), ("rsa", 2048), ("ecdsa", 256)])
def test_a_key_that_is_there_is_used_as_it_is(kind: str, bits: int | None) -> None:
    path = make_key(ssh_folder() / "id_mine", kind=kind, bits=bits)
    before = listing(ssh_folder())
    assert do(path) == []
    assert listing(ssh_folder()) == before


def test_a_key_with_a_passphrase_is_used_and_known_to_be_locked() -> None:
    path = make_key(ssh_folder() / "id_mine", passphrase="correct horse")
    assert do(path) == []
    assert keys.is_locked(path)
    path.chmod(0o640)
    assert do(path) == [f"file: chmod 0600 {path} (it is 0640)"]


def test_a_missing_public_half_is_derived() -> None:
    path = make_key(ssh_folder() / "id_mine")
    expected = keys.public_key(path).split()[:2]
    keys.public_file(path).unlink()
    assert do(path) == [f"file: write {path}.pub, the public half of {path}"]
    assert keys.public_key(path).split()[:2] == expected


def test_permissions_are_mended() -> None:
    path = make_key(ssh_folder() / "id_mine")
    path.chmod(0o644)
    ssh_folder().chmod(0o755)
    assert do(path) == [
        f"file: chmod 0700 {ssh_folder()} (it is 0755)",
        f"file: chmod 0600 {path} (it is 0644)",
    ]
    assert (mode(ssh_folder()), mode(path)) == (0o700, 0o600)


def test_the_folder_of_a_key_elsewhere_keeps_its_mode(tmp_path: Path) -> None:
    path = make_key(tmp_path / "keys/id_mine")
    path.parent.chmod(0o755)
    assert do(path) == []
    assert mode(path.parent) == 0o755


def _text(path: Path) -> None:
    path.write_text("not a key\n")


def _short(path: Path) -> None:
    make_key(path, kind="rsa", bits=1024)


def _public_alone(path: Path) -> None:
    make_key(path).unlink()


def _other_public(path: Path) -> None:
    other = make_key(path.with_name("other"))
    make_key(path)
    keys.public_file(path).write_bytes(keys.public_file(other).read_bytes())


def _locked_alone(path: Path) -> None:
    keys.public_file(make_key(path, passphrase="correct horse")).unlink()


BAD = [
    (_text, "{path}: not a private SSH key; fix: dvc cpv bitbucket-config --keygen-filename ANOTHER-NAME"),
    (_short, "{path}: an RSA key of 1024 bits; Bitbucket takes none below 2048; fix: dvc cpv bitbucket-config "
     "--keygen-filename id_ed25519_bitbucket"),
    (_public_alone, "{path}.pub: a public key without its private key; fix: mv {path}.pub {path}.pub.old"),
    (_other_public, "{path}.pub: not the public half of id_mine; fix: ssh-keygen -y -f {path} > {path}.pub"),
    (_locked_alone, "{path}: its public half is missing, and it has a passphrase; fix: "
     "ssh-keygen -y -f {path} > {path}.pub"),
]  # fmt: skip


@pytest.mark.parametrize(("prepare", "line"), BAD)
def test_what_cannot_be_used_is_one_line_and_changes_nothing(prepare: object, line: str) -> None:
    path = ssh_folder() / "id_mine"
    path.parent.mkdir(mode=0o700)
    prepare(path)  # type: ignore[operator]
    before = listing(ssh_folder())
    with pytest.raises(CPVError) as error:
        keys.key_steps(path)
    assert str(error.value) == line.format(path=path)
    assert listing(ssh_folder()) == before


def test_names_and_paths(tmp_path: Path) -> None:
    assert keys.key_path("~/.ssh/id_x") == ssh_folder() / "id_x"
    assert keys.key_path("keys/../id_x", tmp_path) == tmp_path / "id_x"
    assert keys.key_path(tmp_path / "a b") == tmp_path / "a b"


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("", "is not a name for a key"),
        ('a"b', "is not a name for a key"),
        ("a\nb", "is not a name for a key"),
        ("a\\b", "is not a name for a key"),
        ("${HOME}/x", "is not a name for a key"),
        ("id_x.pub", "id_x.pub: a public key's name; the private key's is needed; fix: .* id_x$"),
        (".", "a folder, not a key"),
        ("keys/", "a folder, not a key"),
        ("..", "a folder, not a key"),
    ],
)
def test_a_name_that_can_be_no_key_is_refused(name: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(CPVError, match=what):
        keys.key_path(name, tmp_path)


def test_on_a_terminal_ssh_keygen_itself_asks_for_the_passphrase(tmp_path: Path) -> None:
    path = ssh_folder() / "id_asked"
    code = (
        "from pathlib import Path; from cpv_hooks.accounts.git_host import keys; "
        f"[s.do() for s in keys.key_steps(Path({str(path)!r}))]"
    )
    answers = [("Enter passphrase", "correct horse"), ("Enter same passphrase again", "correct horse")]
    status, shown = converse([sys.executable, "-c", code], tmp_path, answers)
    assert status == 0, shown
    assert f"cpv: made the key {path}" in shown
    assert "warning" not in shown
    tried = ["ssh-keygen", "-y", "-P", "correct horse", "-f", path]
    assert subprocess.run(tried, capture_output=True, check=False).returncode == 0
    assert subprocess.run([*tried[:3], "", *tried[4:]], capture_output=True, check=False).returncode != 0
