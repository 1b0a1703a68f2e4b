"""The clones that CPV keeps for reading: made once, fresh at each use, never another's, and nothing of them is run."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.accounts.git_host.clones import managed_clone
from cpv_hooks.accounts.git_host.transport import HostError
from cpv_hooks.errors import CPVError
from cpv_hooks.operations.download.download import plan_load
from cpv_hooks.project.project import Project
from cpv_hooks.state_files import cpv_home
from support.repos import ModelRepo
from support.shell import Shell
from support.ssh_keys import make_key, ssh_folder
from support.sshd import SSHServer


@pytest.fixture
def repo(make_repo: MakeRepo, tmp_path: Path) -> ModelRepo:
    """A repository whose commits and tags are on a host."""
    made = make_repo(install=False)
    for tag in ("v0.0", "data-v0.0"):
        made.git("tag", "-a", "-m", tag, tag)
    publish(made, tmp_path)
    return made


def publish(repo: ModelRepo, folder: Path) -> None:
    repo.run("git", "init", "-q", "--bare", folder / "host.git")
    repo.git("remote", "add", "origin", folder / "host.git")
    repo.git("push", "-q", "--follow-tags", "-u", "origin", "main")


@pytest.fixture
def url(repo: ModelRepo, tmp_path: Path) -> str:
    return str(tmp_path / "host.git")


def tags(path: Path) -> list[str]:
    return Shell(path).tags()


def place() -> Path:
    return cpv_home() / "repositories/vision/resnet"


def test_a_model_is_loaded_without_a_clone_of_ones_own(
    make_repo: MakeRepo, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    publish(make_repo(files={"model.bin": b"one", "data/a": "1"}), tmp_path)
    url = str(tmp_path / "host.git")
    clone = managed_clone("vision", "resnet", url)
    assert clone.top == place()
    assert f"cpv: cloning {url}" in capfd.readouterr().err
    found = plan_load(Project.find_all(clone)[0], "v0.0").run()
    assert found.model is not None
    assert found.model.read_bytes() == b"one"
    assert (cpv_home() / "cache/vision/resnet/files/md5").is_dir(), "its cache outlives it"
    assert not (place() / ".dvc/cache").exists()


def test_each_use_sees_what_the_host_has_now(repo: ModelRepo, url: str, capfd: pytest.CaptureFixture[str]) -> None:
    managed_clone("vision", "resnet", url)
    repo.commit("epoch 2", "--allow-empty")
    repo.git("tag", "-a", "-m", "two", "v0.1")
    repo.git("push", "-q", "--follow-tags")
    repo.git("push", "-q", "origin", "HEAD:refs/heads/topic")
    capfd.readouterr()
    clone = managed_clone("vision", "resnet", url)
    assert tags(clone.top) == ["data-v0.0", "v0.0", "v0.1"]
    assert Shell(clone.top).head() == repo.head()
    assert capfd.readouterr().err == ""
    # What disappears or moves there does so here.
    host = Shell(Path(url))
    host.git("tag", "-d", "v0.1")
    host.git("tag", "-f", "v0.0", "main")
    host.git("branch", "-D", "topic")
    clone = managed_clone("vision", "resnet", url)
    assert tags(clone.top) == ["data-v0.0", "v0.0"]
    assert clone.resolve("v0.0") == repo.head()
    assert clone.resolve("refs/remotes/origin/topic") is None


def test_a_rewritten_history_is_followed(repo: ModelRepo, url: str) -> None:
    managed_clone("vision", "resnet", url)
    repo.git("commit", "-q", "--amend", "-m", "other")
    repo.git("push", "-q", "--force")
    assert Shell(managed_clone("vision", "resnet", url).top).head() == repo.head()


def test_where_the_host_is_away_the_clone_serves_as_it_is(
    repo: ModelRepo, url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    managed_clone("vision", "resnet", url)
    capfd.readouterr()
    away = "ssh://git@127.0.0.1:1/vision/resnet.git"
    clone = managed_clone("vision", "resnet", away)
    line = f"cpv: warning: {away}: [127.0.0.1]:1 does not answer; using what was fetched before\n"
    assert capfd.readouterr().err == line
    assert tags(clone.top) == ["data-v0.0", "v0.0"]


def test_where_the_host_is_away_and_there_is_no_clone(repo: ModelRepo) -> None:
    with pytest.raises(HostError, match="does not answer; fix: check the network, then repeat the command"):
        managed_clone("vision", "resnet", "ssh://git@127.0.0.1:1/vision/resnet.git")
    assert not place().exists()
    assert [path.name for path in place().parent.iterdir()] == [".resnet.lock"]


def test_who_is_not_let_in_any_more_gets_no_old_copy(repo: ModelRepo, url: str) -> None:
    managed_clone("vision", "resnet", url)
    shutil.rmtree(url)
    with pytest.raises(HostError, match="there is no such repository, or you have no access to it"):
        managed_clone("vision", "resnet", url)


@pytest.mark.parametrize(
    "damage",
    [
        lambda top: shutil.rmtree(top / ".git"),
        lambda top: [path.unlink() for path in (top / ".git/objects").rglob("*") if path.is_file()],
        lambda top: (top / ".git/HEAD").write_text("nonsense"),
        lambda top: (top / ".git/index").write_text("nonsense"),
        lambda top: (top / ".git/index.lock").touch(),
        lambda top: (top / ".git/config").write_text("[nonsense"),
        lambda top: [shutil.rmtree(top), top.mkdir()],
    ],
    ids=["no .git", "no objects", "HEAD", "index", "a lock left behind", "config", "empty"],
)
def test_a_damaged_clone_is_made_anew(repo: ModelRepo, url: str, damage) -> None:  # type: ignore[no-untyped-def]
    damage(managed_clone("vision", "resnet", url).top)
    clone = managed_clone("vision", "resnet", url)
    assert tags(clone.top) == ["data-v0.0", "v0.0"]
    assert len(Project.find_all(clone)) == 1
    assert Shell(clone.top).changes() == []
    assert sorted(path.name for path in place().parent.iterdir()) == [".resnet.lock", "resnet"]


def test_a_clone_that_lost_its_git_folder_inside_another_repository(repo: ModelRepo, url: str) -> None:
    home = Shell(cpv_home())
    top = managed_clone("vision", "resnet", url).top
    home.git("init", "-q")
    precious = home.write("precious", "1")
    home.git("add", "precious")
    home.git("commit", "-q", "-m", "mine")
    precious.write_text("2")
    shutil.rmtree(top / ".git")
    managed_clone("vision", "resnet", url)
    assert precious.read_text() == "2"


def test_another_teams_model_of_the_same_name_is_refused(repo: ModelRepo, url: str) -> None:
    for team, model in (("audio", "resnet"), ("vision", "bert")):
        with pytest.raises(CPVError, match=f"this is the repository of vision/resnet, not of {team}/{model}"):
            managed_clone(team, model, url)
        assert not (cpv_home() / "repositories" / team / model).exists()


def test_a_clone_whose_repository_became_another_models_is_refused(repo: ModelRepo, url: str) -> None:
    managed_clone("vision", "resnet", url)
    repo.write(".cpv.toml", '[cpv]\nteam = "vision"\nmodel = "bert"\n')
    repo.commit("renamed", "-a")
    repo.git("push", "-q")
    with pytest.raises(CPVError, match="this is the repository of vision/bert, not of vision/resnet"):
        managed_clone("vision", "resnet", url)


def test_a_repository_that_does_not_say_whose_it_is(repo: ModelRepo, url: str) -> None:
    repo.write(".cpv.toml", "[artifacts]\n")
    repo.commit("anybody's", "-a")
    repo.git("push", "-q")
    assert managed_clone("vision", "resnet", url).top == place()


def test_what_is_no_repository_of_cpvs(shell: Shell, tmp_path: Path) -> None:
    shell.git("init", "-q", "plain")
    with pytest.raises(CPVError, match="the repository has no commit yet; fix: git push"):
        managed_clone("vision", "resnet", str(tmp_path / "plain"))
    shell.write("plain/file", "x")
    shell.git("add", "-A", cwd="plain")
    shell.git("commit", "-q", "-m", "x", cwd="plain")
    with pytest.raises(CPVError, match=r"CPV does not manage this repository \(no .cpv.toml\)"):
        managed_clone("vision", "resnet", f"file://{tmp_path / 'plain'}")
    with pytest.raises(HostError, match="there is no such repository, or you have no access to it"):
        managed_clone("vision", "resnet", str(tmp_path / "nowhere"))


def test_a_host_whose_head_names_no_branch(repo: ModelRepo, url: str) -> None:
    Shell(Path(url)).git("symbolic-ref", "HEAD", "refs/heads/gone")
    assert Shell(managed_clone("vision", "resnet", url).top).head() == repo.head()


def test_nothing_of_a_hostile_repository_is_run_or_leads_out(repo: ModelRepo, url: str, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    evil = f"#!/bin/sh\ntouch {ran}\n"
    repo.write("evil", evil).chmod(0o755)
    # A filter and hooks of the user's own, which a repository must not be able to start either.
    repo.git("config", "--global", "filter.evil.smudge", str(repo.path / "evil"))
    repo.write(".gitattributes", "* filter=evil\n")
    hooks = tmp_path / "hooks"
    for name in ("post-checkout", "reference-transaction", "post-index-change"):
        hooks.mkdir(exist_ok=True)
        shutil.copy(repo.path / "evil", hooks / name)
    (repo.path / ".dvc/aws").write_text("[default]\ncredential_process = evil\n")
    (repo.path / "link").symlink_to("/etc/passwd")
    repo.git("add", "-A", "-f")
    repo.commit("hostile")
    repo.git("push", "-q")
    repo.git("config", "--global", "core.hooksPath", hooks)
    ran.unlink(missing_ok=True)
    for _ in range(2):
        clone = managed_clone("vision", "resnet", url)
    assert not ran.exists()
    files = {path.relative_to(place()).as_posix() for path in place().rglob("*") if not path.is_dir()}
    mine = {name for name in files if not name.startswith(".git/")}
    assert mine == {".cpv.toml", ".dvc/config", ".dvc/config.local", ".dvc/.gitignore"}
    assert not (place() / ".git/hooks").exists()
    assert Shell(clone.top).changes() == []


def test_names_that_lead_elsewhere_stay_below_the_folder(repo: ModelRepo, url: str) -> None:
    repo.write(".cpv.toml", '[cpv]\nteam = "../.."\nmodel = ".git"\n')
    repo.commit("odd", "-a")
    repo.git("push", "-q")
    assert managed_clone("../..", ".git", url).top == cpv_home() / "repositories/%2E.%2F../%2Egit"


def test_options_of_the_remote_go_into_its_private_settings(repo: ModelRepo, url: str) -> None:
    config = (repo.path / ".dvc/config").read_text()
    (repo.path / ".dvc/config").write_text(config.replace("url = ", "url = s3://bucket"))
    repo.commit("on S3", "-a")
    repo.git("push", "-q")
    options = {"profile": "team", "credentialpath": "~/.cpv/aws_credentials"}
    for _ in range(2):
        clone = managed_clone("vision", "resnet", url, remote_options=options)
    private = clone.top / ".dvc/config.local"
    assert private.stat().st_mode & 0o777 == 0o600
    assert Project.find_all(clone)[0].remote_options["profile"] == "team"
    assert Project.find_all(clone)[0].cache_dir == cpv_home() / "cache/vision/resnet"
    assert Shell(clone.top).changes() == []


def test_options_that_the_remote_does_not_have_are_left_out(repo: ModelRepo, url: str) -> None:
    clone = managed_clone("vision", "resnet", url, remote_options={"profile": "team"})
    assert "profile" not in Project.find_all(clone)[0].remote_options


def test_several_at_once(repo: ModelRepo, url: str) -> None:
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(managed_clone("vision", "resnet", url).top)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [place()] * 4
    assert tags(place()) == ["data-v0.0", "v0.0"]


def test_over_ssh(repo: ModelRepo, ssh_server: SSHServer, capfd: pytest.CaptureFixture[str]) -> None:
    """Each obstacle on the way to a first clone, with its own line; then the clone."""
    url = ssh_server.url("vision", "resnet")
    key = make_key(ssh_folder() / "id_ed25519")
    (ssh_folder() / "config").write_text(f"IdentityFile {key}\n")
    host = f"[127.0.0.1]:{ssh_server.port}"
    mend = "fix: dvc cpv bitbucket-config"
    assert refused(url) == f"{url}: the key of {host} is not known to this machine; {mend}"
    (ssh_folder() / "known_hosts").write_text(f"{host} {ssh_server.host_key}\n")
    assert refused(url) == f"{url}: {host} does not let you in; {mend}"
    ssh_server.add_key(key.with_suffix(".pub"), write=False)
    assert f"{url}: there is no such repository, or you have no access to it; fix: check" in refused(url)
    bare = ssh_server.make("vision", "resnet")
    repo.git("push", "-q", bare, "main", "v0.0", "data-v0.0")
    clone = managed_clone("vision", "resnet", url)
    assert tags(clone.top) == ["data-v0.0", "v0.0"]
    ssh_server.stop()
    capfd.readouterr()
    managed_clone("vision", "resnet", url)
    assert f"{url}: {host} does not answer; using what was fetched before" in capfd.readouterr().err
    ssh_server.change_host_key()
    assert f"{url}: the key of {host} is not the one that this machine knows" in refused(url)


def refused(url: str) -> str:
    with pytest.raises(HostError) as raised:
        managed_clone("vision", "resnet", url)
    return str(raised.value)
