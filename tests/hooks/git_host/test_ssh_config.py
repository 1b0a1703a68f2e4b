"""A host's entry in `~/.ssh/config`: added, changed and removed, with every other byte as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpv_hooks.accounts.git_host import client, ssh_config
from cpv_hooks.accounts.git_host.ssh_config import HostEntry, with_entry, without_entry
from cpv_hooks.errors import CPVError
from support.ssh_keys import make_key, mode, ssh_folder

HOST = "git.example.com"


def entry(key: str | Path = "/keys/id_x", port: int | None = None, host: str = HOST) -> HostEntry:
    return HostEntry(host, Path(key), port)


def config(content: str | bytes) -> Path:
    """The home's configuration, with this content."""
    path = ssh_folder() / "config"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(0o600)
    return path


def do(wanted: HostEntry) -> list[str]:
    steps = ssh_config.ssh_config_steps(wanted, "git")
    for step in steps:
        step.do()
    return [str(step.effect) for step in steps]


TEXTS = [
    b"",
    b"\n",
    b"ServerAliveInterval 30\n",
    b"ServerAliveInterval 30",
    b"# mine\n\nHashKnownHosts yes\n\n# the cluster\n# (two lines)\nHost cluster\n  User ada\n\n"
    b"Match all\n  Compression yes\n",
    b"Host *\n  User ada",
    b"HOST=one\r\n\tUser ada\r\n",
    b"Compression yes\r\nmatch host x\r\n\tUser ada",
    b"Compression yes\r\n",
    b"Compression yes\r\nUser x",
    b"  Host   two three\n  IdentityFile ~/.ssh/id_two\n",
    b"# \xff\xfe no UTF-8\nHost \xe4\n",
    b"# Host commented.out\nHostKeyAlias x\nHostName y\n",
    b"Include conf.d/*\nHost a\n",
]


@pytest.mark.parametrize("text", TEXTS)
def test_an_entry_comes_and_goes_without_a_trace(text: bytes) -> None:
    after = with_entry(text, entry())
    assert with_entry(after, entry()) == after
    assert after.count(b"Host git.example.com") == 1
    assert without_entry(after, HOST) == text
    other = with_entry(after, entry("/keys/id_y", 7999))
    assert b"id_x" not in other
    assert b"Port 7999" in other
    assert with_entry(other, entry()) == after
    assert without_entry(other, HOST) == text
    assert without_entry(text, HOST) == text


# Of the words and line ends that matter, so that a few hundred tries reach most of what a file can be.
PIECES = st.sampled_from(
    [b"Host a", b"match all", b"# c", b"User x", b" ", b"\t", b"\n", b"\r\n", b"\xff", b"Host", b"="]
)


@given(st.lists(PIECES, max_size=12).map(b"".join))
def test_any_file_comes_back_byte_for_byte(text: bytes) -> None:
    after = with_entry(text, entry())
    assert with_entry(after, entry()) == after
    assert without_entry(after, HOST) == text
    assert without_entry(with_entry(after, entry("/keys/id_y", 22)), HOST) == text


@pytest.mark.parametrize("text", TEXTS)
def test_two_hosts_have_two_entries(text: bytes) -> None:
    both = with_entry(with_entry(text, entry()), entry(host="bitbucket.org"))
    assert without_entry(without_entry(both, "bitbucket.org"), HOST) == text
    assert without_entry(without_entry(both, HOST), "bitbucket.org") == text


def test_it_stands_before_the_first_section_with_its_comments_and_after_the_global_options() -> None:
    after = with_entry(TEXTS[4], entry()).decode()
    assert after == (
        "# mine\n\nHashKnownHosts yes\n\n"
        "# >>> dvc cpv: git.example.com >>>\n"
        "# Made by `dvc cpv bitbucket-config`, which may change it. It stands before every Host and Match, for\n"
        "# ssh takes the first value it finds, and after the options for all hosts, which a Host would end.\n"
        "Host git.example.com\n"
        '    IdentityFile "/keys/id_x"\n'
        "    IdentitiesOnly yes\n"
        "# <<< dvc cpv: git.example.com <<<\n"
        "# the cluster\n# (two lines)\nHost cluster\n  User ada\n\nMatch all\n  Compression yes\n"
    )


def test_lines_end_as_the_others_do() -> None:
    after = with_entry(b"Compression yes\r\nHost a\r\n", entry())
    assert after.count(b"\n") == after.count(b"\r\n")
    config(after)
    assert client.effective(HOST, None, None)["identityfile"] == ["/keys/id_x"]


def test_an_entry_without_its_end_is_not_touched() -> None:
    path = config("Host a\n# >>> dvc cpv: git.example.com >>>\nHost git.example.com\n")
    with pytest.raises(CPVError) as error:
        ssh_config.ssh_config_steps(entry())
    assert str(error.value) == (
        f"{path}:2: CPV's entry has no line '# <<< dvc cpv: git.example.com <<<'; fix: delete the entry"
    )


# The file


def test_a_new_file_is_the_users_alone_and_a_second_time_nothing_is_done() -> None:
    path = ssh_folder() / "config"
    assert do(entry()) == [f"file: add the entry `Host {HOST}` to {path} (with IdentityFile /keys/id_x)"]
    assert mode(path) == 0o600
    before = path.stat()
    assert do(entry()) == []
    assert path.stat() == before
    assert do(entry("/keys/100% mine")) == [
        f"file: change the entry `Host {HOST}` in {path} (with IdentityFile /keys/100% mine)"
    ]
    assert ssh_config.uses_key(entry("/keys/100% mine"), "git", path.read_bytes())
    for step in ssh_config.remove_entry_steps(HOST):
        assert str(step.effect) == f"file: remove the entry `Host {HOST}` from {path}"
        step.do()
    assert path.read_bytes() == b""
    assert ssh_config.remove_entry_steps(HOST) == []


def test_a_symbolic_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    target = tmp_path / "dotfiles/ssh_config"
    target.parent.mkdir()
    target.write_text("Host a\n  User ada\n")
    ssh_folder().mkdir(mode=0o700)
    (ssh_folder() / "config").symlink_to(target)
    do(entry())
    assert (ssh_folder() / "config").is_symlink()
    assert target.read_text().endswith("Host a\n  User ada\n")
    assert "Host git.example.com" in target.read_text()
    assert mode(target) == 0o600


def test_a_file_that_others_may_write_is_mended() -> None:
    path = config(with_entry(b"", entry()))
    path.chmod(0o664)
    assert do(entry()) == [f"file: chmod 0600 {path} (it is 0664)"]
    assert mode(path) == 0o600


def test_the_port_is_for_urls_without_one() -> None:
    do(entry(port=7999))
    assert client.effective(HOST, None, None)["port"] == ["7999"]


# What the user has written


def test_the_users_own_entry_is_left_where_it_uses_the_key() -> None:
    key = make_key(ssh_folder() / "id_mine")
    path = config(f"Host other\n  User x\n\nHost alias git.example.com\n  IdentityFile {key}\n")
    assert ssh_config.own_entry(HOST) == f"{path}:4"
    assert ssh_config.own_key(HOST, None, "git") == key
    assert do(entry(key)) == []
    with pytest.raises(CPVError) as error:
        ssh_config.ssh_config_steps(entry())
    assert str(error.value) == (
        f"{path}:4: your entry for {HOST} does not use /keys/id_x; fix: put IdentityFile /keys/id_x below it, "
        "or name its key with --keygen-filename"
    )


def test_entries_in_included_files_are_the_users_own_too(tmp_path: Path) -> None:
    included = tmp_path / "work.conf"
    included.write_text(f"Host {HOST}\n  IdentityFile /keys/theirs\n  IdentitiesOnly yes\n")
    config(f'Include "{tmp_path}/*.conf"\n\nHost *\n  Compression yes\n')
    with pytest.raises(CPVError, match=f"^{included}:1: your entry for {HOST} does not use /keys/id_x"):
        ssh_config.ssh_config_steps(entry())
    assert do(entry("/keys/theirs")) == []


def test_patterns_that_only_cover_the_host_are_no_entry_of_its_own() -> None:
    config("Host *.example.com !x\n  IdentityFile /keys/all\n")
    assert ssh_config.own_entry(HOST) is None
    assert ssh_config.own_key(HOST, None, None) is None
    assert len(do(entry())) == 1
    assert client.effective(HOST, None, None)["identityfile"] == ["/keys/id_x", "/keys/all"]


def test_a_configuration_that_ssh_cannot_read_is_one_line() -> None:
    path = config("Nonsense yes\n")
    with pytest.raises(CPVError) as error:
        ssh_config.ssh_config_steps(entry())
    assert str(error.value).startswith(f"{path}: ssh cannot read its configuration: ")
    assert "Bad configuration option: nonsense; fix: edit it" in str(error.value)
    assert path.read_text() == "Nonsense yes\n"


def test_a_configuration_that_is_a_folder_is_one_line() -> None:
    path = ssh_folder() / "config"
    path.mkdir(parents=True)
    with pytest.raises(CPVError) as error:
        ssh_config.ssh_config_steps(entry())
    assert str(error.value) == f"{path}: cannot be read (Is a directory); fix: mv {path} {path}.old"
