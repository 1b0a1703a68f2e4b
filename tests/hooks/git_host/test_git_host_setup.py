"""The whole setup of SSH to a Git host: planned exactly, done, done again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.accounts.git_host import keys
from cpv_hooks.accounts.git_host.connection import KeyNotAdded
from cpv_hooks.accounts.git_host.git_host_setup import plan_git_host
from cpv_hooks.accounts.git_host.git_host_target import GitHostRequest
from cpv_hooks.accounts.personal import personal_settings
from cpv_hooks.errors import CPVError
from cpv_hooks.state_files import cpv_home
from support.repos import ModelRepo
from support.ssh_keys import lead_git_home, listing, make_key, ssh_folder
from support.sshd import HOST, SSHServer

CONFIG = "config.json"


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    """A repository of vision/resnet without hooks and without `origin`."""
    return make_repo("resnet", remote=None, install=False)


def request(server: SSHServer, **rest: object) -> GitHostRequest:
    values = {"host": HOST, "port": server.port, "host_fingerprint": server.fingerprint, **rest}
    return GitHostRequest(**values)  # type: ignore[arg-type]


def everything(folder: Path) -> dict[str, bytes | None]:
    found = {f"home/{name}": content for name, content in listing(Path.home()).items()}
    # What looking leaves behind.
    return found | {name: content for name, content in listing(folder).items() if not name.startswith(".git/cpv")}


def bitbucket() -> object:
    return json.loads((cpv_home() / CONFIG).read_text())["bitbucket"]


def refusal(wanted: GitHostRequest, folder: Path) -> str:
    before = everything(folder)
    with pytest.raises(CPVError) as error:
        plan_git_host(wanted, folder)
    assert everything(folder) == before
    return str(error.value)


def test_everything_is_planned_then_done_then_there(
    ssh_server: SSHServer, repo: ModelRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    ssh_server.make("vision", "resnet")
    lead_git_home()
    before = everything(repo.path)
    plan = plan_git_host(request(ssh_server, user="ada"), repo.path)
    key, url = ssh_folder() / "id_ed25519", ssh_server.url("vision", "resnet")
    saved = (
        f"bitbucket.user = ada, bitbucket.host = {HOST}, bitbucket.port = {ssh_server.port}, bitbucket.key_path = {key}"
    )
    assert [str(effect) for effect in plan.effects] == [
        f"file: add the ssh-ed25519 key {ssh_server.fingerprint} of [{HOST}]:{ssh_server.port} to "
        f"{ssh_folder() / 'known_hosts'}",
        f"file: make the folder {ssh_folder()} (mode 0700)",
        f"file: make the ed25519 key {key} and id_ed25519.pub (without a passphrase)",
        f"file: add the entry `Host {HOST}` to {ssh_folder() / 'config'} (with IdentityFile {key})",
        f"file: save {saved} in {cpv_home() / CONFIG}",
        f"git: git remote add origin {url}",
    ]
    assert everything(repo.path) == before

    with pytest.raises(KeyNotAdded) as error:
        plan.run()
    public = keys.public_key(key)
    assert f"paste the line {public!r} at https://{HOST}/plugins/servlet/ssh/account/keys" in str(error.value)
    assert bitbucket() == {"user": "ada", "host": HOST, "port": ssh_server.port, "key_path": str(key)}
    assert repo.git("remote", "get-url", "origin").lines == [url]
    after = everything(repo.path)
    assert set(after) - set(before) == {
        "home/.ssh",
        *(f"home/.ssh/{name}" for name in ("config", "known_hosts", "id_ed25519", "id_ed25519.pub")),
        *(f"home/.cpv{name}" for name in ("", "/config.json", "/.lock")),
    }
    assert {name for name in before if before[name] != after[name]} == {".git/config"}

    ssh_server.add_key(keys.public_file(key))
    capsys.readouterr()
    again = plan_git_host(GitHostRequest(), repo.path)
    assert again.effects == ()
    again.run()
    assert capsys.readouterr().err == f"cpv: {HOST} lets you in; the repository is {url}\n"
    assert everything(repo.path) == after


def test_the_missing_repository_is_told_when_all_else_is_done(ssh_server: SSHServer, repo: ModelRepo) -> None:
    ssh_server.add_key(keys.public_file(make_key(ssh_folder() / "id_ed25519")))
    with pytest.raises(CPVError, match="create the repository resnet in AI-vision-model-checkpoints on https://127"):
        plan_git_host(request(ssh_server), repo.path).run()
    assert repo.git("remote").lines == ["origin"]


def test_bitbucket_cloud_without_a_test_and_outside_of_a_repository(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lead_git_home()
    plan_git_host(GitHostRequest(keygen_filename="id_bb", test=False), tmp_path).run()
    key = ssh_folder() / "id_bb"
    assert bitbucket() == {"host": "bitbucket.org", "key_path": str(key)}
    assert (ssh_folder() / "known_hosts").read_text().count("bitbucket.org ") == 3
    assert "Host bitbucket.org\n" in (ssh_folder() / "config").read_text()
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "cpv: paste this line at https://bitbucket.org/account/settings/ssh-keys/, unless the host has it:",
        f"cpv:   {keys.public_key(key)}",
    ]


def test_a_key_that_is_there_is_used(ssh_server: SSHServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = make_key(tmp_path / "keys/work")
    ssh_server.add_key(keys.public_file(key), "grace")
    ssh_server.like = "data center"
    before = listing(tmp_path)
    lead_git_home()
    plan_git_host(request(ssh_server, keygen_filename="keys/work", user="ada"), tmp_path).run()
    assert listing(tmp_path) == before
    assert capsys.readouterr().err.splitlines() == [
        f"cpv: warning: {HOST} associates this key with user grace, not ada",
        f"cpv: {HOST} lets you in as grace",
    ]


def test_the_key_of_the_users_own_entry_is_used(ssh_server: SSHServer, tmp_path: Path) -> None:
    key = make_key(ssh_folder() / "id_theirs")
    text = f"Host {HOST}\n  IdentityFile {key}\n"
    (ssh_folder() / "config").write_text(text)
    ssh_server.add_key(keys.public_file(key))
    plan = plan_git_host(request(ssh_server), tmp_path)
    assert len(plan.effects) == 2
    plan.run()
    assert (ssh_folder() / "config").read_text() == text
    assert personal_settings.load_settings().bitbucket.key_path == str(key)


def test_an_origin_that_is_there_stays_and_is_tested_where_it_is_on_this_host(
    ssh_server: SSHServer, repo: ModelRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    ssh_server.add_key(keys.public_file(make_key(ssh_folder() / "id_ed25519")))
    lead_git_home()
    repo.git("remote", "add", "origin", "git@elsewhere.example:a/b.git")
    plan_git_host(request(ssh_server), repo.path).run()
    assert repo.git("remote", "get-url", "origin").lines == ["git@elsewhere.example:a/b.git"]
    assert capsys.readouterr().err == f"cpv: {HOST} lets you in\n"
    ssh_server.make("other", "name")
    repo.git("remote", "set-url", "origin", ssh_server.url("other", "name"))
    plan_git_host(GitHostRequest(), repo.path).run()
    assert capsys.readouterr().err.endswith(f"the repository is {ssh_server.url('other', 'name')}\n")


def test_a_port_that_the_url_cannot_say_stands_in_the_entry(ssh_server: SSHServer, repo: ModelRepo) -> None:
    pattern = "git@{host}:AI-{team_name}-model-checkpoints/{model_name}.git"
    ssh_server.make("vision", "resnet")
    ssh_server.add_key(keys.public_file(make_key(ssh_folder() / "id_ed25519")))
    lead_git_home()
    plan_git_host(request(ssh_server, url_pattern=pattern), repo.path).run()
    assert f"    Port {ssh_server.port}\n" in (ssh_folder() / "config").read_text()
    assert repo.git("remote", "get-url", "origin").lines == [f"git@{HOST}:AI-vision-model-checkpoints/resnet.git"]
    assert ssh_server.log[-1] == "ada: git-upload-pack 'AI-vision-model-checkpoints/resnet.git'"


def test_another_host_does_not_inherit_port_and_pattern(ssh_server: SSHServer, tmp_path: Path) -> None:
    plan_git_host(request(ssh_server, test=False, url_pattern=ssh_server.pattern, user="ada"), tmp_path).run()
    plan = plan_git_host(GitHostRequest(host="bitbucket.org", test=False), tmp_path)
    assert str(plan.effects[-1]) == (
        "file: save bitbucket.host = bitbucket.org, no bitbucket.port, no bitbucket.url_pattern in "
        f"{cpv_home() / CONFIG}"
    )
    plan.run()
    assert bitbucket() == {"user": "ada", "host": "bitbucket.org", "key_path": str(ssh_folder() / "id_ed25519")}


def test_the_host_of_a_pattern_is_the_host(ssh_server: SSHServer, tmp_path: Path) -> None:
    pattern = f"ssh://git@{HOST}:{ssh_server.port}/x/{{team_name}}-{{model_name}}.git"
    plan_git_host(
        GitHostRequest(url_pattern=pattern, host_fingerprint=ssh_server.fingerprint, test=False), tmp_path
    ).run()
    assert personal_settings.load_settings().bitbucket.host == HOST


def test_a_person_is_asked_and_the_test_repeated_until_the_key_is_added(
    ssh_server: SSHServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def answer(question: str) -> bool:
        asked.append(question)
        if "Test the connection" in question and len(asked) == 3:
            ssh_server.add_key(ssh_folder() / "id_ed25519.pub")
        return True

    lead_git_home()
    plan_git_host(request(ssh_server, host_fingerprint=None), tmp_path, answer).run()
    again = "Is the key added? Test the connection?"
    assert asked == [
        f"[{HOST}]:{ssh_server.port} shows the ssh-ed25519 key {ssh_server.fingerprint}. Is it right?", again, again,
    ]  # fmt: skip
    assert capsys.readouterr().err.splitlines()[-1] == f"cpv: {HOST} lets you in"


def test_who_does_not_confirm_the_host_key_has_changed_nothing(ssh_server: SSHServer, tmp_path: Path) -> None:
    before = everything(tmp_path)
    with pytest.raises(CPVError, match="was not confirmed"):
        plan_git_host(request(ssh_server, host_fingerprint=None), tmp_path, lambda _: False).run()
    assert everything(tmp_path) == before


def test_a_home_that_ssh_does_not_heed_is_told_with_the_command_that_mends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan_git_host(GitHostRequest(test=False), tmp_path).run()
    warning = next(line for line in capsys.readouterr().err.splitlines() if "ignores HOME" in line)
    command = warning.partition("for Git: ")[2]
    subprocess.run(["sh", "-c", command], check=True)
    told = subprocess.run(["git", "config", "core.sshCommand"], capture_output=True, text=True, check=True).stdout
    known = ssh_folder() / "known_hosts"
    assert told == f"ssh -F {ssh_folder() / 'config'} -o 'UserKnownHostsFile=\"{known}\"'\n"
    plan_git_host(GitHostRequest(test=False), tmp_path).run()
    assert "ignores HOME" not in capsys.readouterr().err


def test_another_team_or_model_than_the_repositorys_is_refused(repo: ModelRepo) -> None:
    line = f"{repo.path}: this repository has team = 'vision', not 'audio'; fix: leave --team-name out"
    assert refusal(GitHostRequest(team="audio"), repo.path) == line
    line = f"{repo.path}: this repository has model = 'resnet', not 'x'; fix: leave --model-name out"
    assert refusal(GitHostRequest(model="x"), repo.path) == line
    with pytest.raises(CPVError, match="no such folder; fix: name the repository's folder"):
        plan_git_host(GitHostRequest(), repo.path / "none")


BAD = [
    (
        GitHostRequest(host=""),
        "--host must be a host's name or address, not ''; fix: dvc cpv bitbucket-config --host HOST",
    ),
    (GitHostRequest(host="-oProxyCommand=x"), "--host must be a host's name or address, not '-oProxyCommand=x'"),
    (GitHostRequest(host="a b"), "--host must be a host's name or address, not 'a b'"),
    (GitHostRequest(host="$(reboot)"), "--host must be a host's name or address, not '$(reboot)'"),
    (GitHostRequest(port=0), "--port must be a whole number from 1 to 65535, not 0"),
    (GitHostRequest(port=70000), "--port must be a whole number from 1 to 65535, not 70000"),
    (GitHostRequest(user="a b"), "--user must be a user's name of letters, digits, . _ @ + or -, not 'a b'"),
    (GitHostRequest(user=""), "--user must be a user's name of letters, digits, . _ @ + or -, not ''"),
    (GitHostRequest(url_pattern=""), "'' cannot be the repository's URL: it has no {team_name} and no {model_name}"),
    (
        GitHostRequest(url_pattern="ext::sh {team_name} {model_name}"),
        "'ext::sh {team_name} {model_name}' cannot be the",
    ),
    (
        GitHostRequest(url_pattern="https://h/{team_name}/{model_name}"),
        "'https://h/{team_name}/{model_name}' is not an SSH URL; fix: dvc cpv bitbucket-config --url-pattern "
        "'git@HOST:{team_name}/{model_name}.git'",
    ),
    (
        GitHostRequest(host="a.example", url_pattern="git@b.example:{team_name}/{model_name}"),
        "the URL pattern names the host b.example, and the settings a.example; fix: dvc cpv bitbucket-config "
        "--host b.example, or put {host} into the pattern",
    ),
    (GitHostRequest(keygen_filename=""), "'' is not a name for a key"),
    (GitHostRequest(keygen_filename="../../"), "a folder, not a key"),
    (GitHostRequest(keygen_filename="/dev/null/x"), "/dev/null: not a folder; fix: dvc cpv bitbucket-config"),
    (GitHostRequest(host_fingerprint="abc"), "'abc' is not a SHA256 fingerprint"),
    (GitHostRequest(team="../x", model="m"), "'../x' is not a team name"),
    (GitHostRequest(team="t", model="m;reboot"), "'m;reboot' is not a model name"),
]


@pytest.mark.parametrize(("wanted", "line"), BAD)
def test_bad_input_is_one_line_and_changes_nothing(wanted: GitHostRequest, line: str, tmp_path: Path) -> None:
    assert line in refusal(wanted, tmp_path)
