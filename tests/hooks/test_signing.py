"""Tags and commits of CPV's own are signed as the user's Git signs, with real SSH keys, and nobody is asked."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.git import signing
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.versions import checkpoint as checkpoints
from cpv_hooks.versions import tags
from support.job import Job
from support.repos import ModelRepo
from support.shell import Shell

PASSPHRASE = "open sesame"


class Signer:
    """A model repository without hooks whose Git signs tags by an SSH key."""

    def __init__(self, model: ModelRepo, key: Path) -> None:
        self.model, self.key, self.repo = model, key, Repo.discover(model.path)
        trusted = key.parent / "trusted"
        trusted.write_text(f"* {key.with_suffix('.pub').read_text()}")
        self.settings = {
            "gpg.format": "ssh",
            "user.signingKey": str(key.with_suffix(".pub")),
            "gpg.ssh.allowedSignersFile": str(trusted),
            "tag.gpgSign": "true",
        }

    def configure(self, **changes: str) -> None:
        for key, value in {**self.settings, **{key.replace("_", "."): value for key, value in changes.items()}}.items():
            self.model.git("config", key, value)

    def checkpoint(self, content: str) -> str:
        self.model.write("model.bin", content)
        self.model.track("model.bin")
        return self.model.commit("train")

    def auto(self) -> list[str]:
        return tags.create_auto(self.repo, checkpoints.roots(self.repo, self.project), "HEAD")

    @property
    def project(self) -> Project:
        return Project.find_all(self.repo)[0]

    def is_signed(self, name: str) -> bool:
        return "-----BEGIN" in self.model.git("cat-file", "tag", name).out

    def verify(self, name: str) -> None:
        """Git's own check, the tag's own name, and what CPV reads in it."""
        assert 'Good "git" signature' in self.model.git("verify-tag", name).text
        assert f"\ntag {name}\ntagger " in self.model.git("tag", "-v", name).text
        found = next(tag for tag in tags.tag_refs.read_tags(self.repo, name=name))
        assert (found.info.line, found.info.artifacts[0].path) == (Line.MODEL, "model.bin")


def make_key(folder: Path, passphrase: str = "") -> Path:
    key = folder / "keys/id"
    key.parent.mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "ada", "-f", key], check=True)
    return key


@contextmanager
def agent_with(key: Path) -> Iterator[Mapping[str, str]]:
    """An ssh-agent that has been told the passphrase; yields the variable by which programs find it."""
    ask = key.parent / "ask.sh"
    ask.write_text(f"#!/bin/sh\necho '{PASSPHRASE}'\n")
    ask.chmod(0o700)
    env = {"SSH_AUTH_SOCK": str(key.parent / "agent")}
    command = ["ssh-agent", "-D", "-a", env["SSH_AUTH_SOCK"]]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as agent:
        while not Path(env["SSH_AUTH_SOCK"]).exists():
            assert agent.poll() is None
        asked = {**os.environ, **env, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}
        subprocess.run(["ssh-add", "-q", key], env=asked, stdin=subprocess.DEVNULL, check=True)
        yield env
        agent.terminate()


@pytest.fixture
def signer(make_repo: MakeRepo, tmp_path: Path) -> Signer:
    found = Signer(make_repo(install=False), make_key(tmp_path))
    found.configure()
    return found


@pytest.fixture
def locked(make_repo: MakeRepo, tmp_path: Path) -> Signer:
    """The key has a passphrase."""
    found = Signer(make_repo(install=False), make_key(tmp_path, PASSPHRASE))
    found.configure()
    return found


@pytest.mark.compatibility(
    "Git settings and versions",
    "signed tags and commits (`tag.gpgSign`, `commit.gpgSign`; SSH, GPG, X.509)",
    limit="if the key asks for a passphrase, CPV's tag is not signed, with a warning",
)
@pytest.mark.parametrize("setting", ["tag.gpgSign", "tag.forceSignAnnotated"])
def test_every_tag_of_cpv_is_signed(signer: Signer, setting: str) -> None:
    signer.model.git("config", "--unset", "tag.gpgSign")
    signer.model.git("config", setting, "true")
    old = signer.checkpoint("one")
    assert signer.auto() == ["v0.0"]
    signer.verify("v0.0")
    assert tags.create_tags(signer.repo, signer.project, None, "By hand", [Line.MODEL]) == ["v0.1"]
    signer.verify("v0.1")
    assert signer.model.git("tag", "-l", "--format=%(subject)", "v0.1").out == "By hand\n"
    # A rewritten commit, and a number that somebody else published first.
    signer.model.git("commit", "-q", "--amend", "-m", "better words")
    assert tags.move_rewritten(signer.repo, signer.project, [(old, signer.model.head())]) == ["v0.0"]
    signer.verify("v0.0")
    assert tags.renumber_tags(signer.repo, signer.project, ["v0.0"], {"v0.0", "v0.7"}) == {"v0.0": "v0.8"}
    signer.verify("v0.8")
    assert signer.model.git("for-each-ref", "--format=%(refname)", "refs/tags").lines == [
        "refs/tags/v0.1",
        "refs/tags/v0.8",
    ]
    assert list((signer.repo.shared).glob("signing-*")) == []
    assert signer.model.git("fsck", "--full", "--strict", "--no-dangling").err == ""


def test_signed_tag_says_what_an_unsigned_one_says(signer: Signer) -> None:
    signer.checkpoint("one")
    signer.auto()
    signed = signer.model.git("cat-file", "tag", "v0.0").out
    signer.model.git("tag", "-d", "v0.0")
    signer.model.git("config", "tag.gpgSign", "false")
    assert signer.auto() == ["v0.0"]
    plain = signer.model.git("cat-file", "tag", "v0.0").out.splitlines()
    assert [line for line in plain if not line.startswith("tagger ")] == [
        line for line in signed.partition("-----BEGIN SSH SIGNATURE-----")[0].splitlines() if line[:7] != "tagger "
    ]


@pytest.mark.parametrize(("shared", "others"), [("group", 0o4), ("0660", 0)])
def test_object_in_a_repository_of_a_group(signer: Signer, shared: str, others: int) -> None:
    signer.model.git("config", "core.sharedRepository", shared)
    objects = signer.model.path / ".git/objects"
    for folder in objects.glob("[0-9a-f][0-9a-f]"):
        folder.chmod(0o775)  # made before; the new object may lie in one of them
    signer.checkpoint("one")
    signer.auto()
    oid = signer.model.git("rev-parse", "v0.0").out.strip()
    path = objects / oid[:2] / oid[2:]
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o070) == (0o440 | others, 0o070)
    signer.verify("v0.0")


def test_key_of_an_included_file_and_of_a_command(signer: Signer) -> None:
    key = signer.key.with_suffix(".pub")
    signer.model.git("config", "--unset", "user.signingKey")
    folder = f"gitdir:{signer.model.path}/.git"
    signer.model.git("config", "--global", f"includeIf.{folder}.path", str(signer.key.parent / "included"))
    (signer.key.parent / "included").write_text(f"[user]\n\tsigningKey = {key}\n")
    signer.checkpoint("one")
    assert signer.auto() == ["v0.0"]
    signer.verify("v0.0")
    signer.model.git("config", "--global", "--unset", f"includeIf.{folder}.path")
    signer.model.git("config", "gpg.ssh.defaultKeyCommand", f"sh -c 'echo key::$(cat {key})'")
    with agent_with(signer.key) as env:
        os.environ.update(env)
        signer.checkpoint("two")
        assert signer.auto() == ["v0.1"]
    signer.verify("v0.1")


def test_key_with_a_passphrase(locked: Signer, capfd: pytest.CaptureFixture[str]) -> None:
    locked.checkpoint("one")
    assert locked.auto() == ["v0.0"]
    assert not locked.is_signed("v0.0")
    line = capfd.readouterr().err
    fix = "GIT_EDITOR=true git tag -f -s v0.0 'v0.0^{}'"
    assert line.startswith("cpv: warning: v0.0 is not signed: ") and line.endswith(f"; fix: {fix}\n")
    assert line.count("\n") == 1 and str(locked.key) in line
    with agent_with(locked.key) as env:
        locked.model.run("sh", "-c", fix, env=env)
        locked.verify("v0.0")
        assert tags.tag_refs.read_tags(locked.repo, name="v0.0")[0].info.automatic
        os.environ.update(env)
        locked.checkpoint("two")
        assert locked.auto() == ["v0.1"]
    locked.verify("v0.1")
    assert capfd.readouterr().err == ""


@pytest.mark.compatibility(
    "Git settings and versions",
    "signed tags and commits (`tag.gpgSign`, `commit.gpgSign`; SSH, GPG, X.509)",
)
@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"gpg.ssh.program": "/nonexistent"}, "/nonexistent"),
        ({"gpg.format": "openpgp", "gpg.program": "/nonexistent"}, "gpg"),
        ({"gpg.format": "x509", "gpg.x509.program": "/nonexistent"}, "/nonexistent"),
        ({"gpg.format": "x509", "gpg.x509.program": "/nonexistent/gpgsm"}, "gpg"),
        ({"user.signingKey": "/nonexistent.pub"}, "/nonexistent.pub"),
    ],
    ids=str,
)
def test_what_cannot_sign(
    signer: Signer, settings: dict[str, str], why: str, capfd: pytest.CaptureFixture[str]
) -> None:
    for key, value in settings.items():
        signer.model.git("config", key, value)
    signer.checkpoint("one")
    assert signer.auto() == ["v0.0"]
    assert not signer.is_signed("v0.0")
    line = capfd.readouterr().err
    assert line.startswith("cpv: warning: v0.0 is not signed: ") and why in line and line.count("\n") == 1


def test_gpg_asks_nobody(signer: Signer, capfd: pytest.CaptureFixture[str]) -> None:
    """Git's words for gpg come after CPV's; a program of the user's own that does not know these is one that fails."""
    program = signer.key.parent / "my gpg"
    program.write_text('#!/bin/sh\necho "$@" >>"$0.words"\necho "gpg: signing failed: No pinentry" >&2\nexit 2\n')
    program.chmod(0o700)
    signer.configure(gpg_format="openpgp", gpg_program=str(program), user_signingKey="ABCD")
    signer.checkpoint("one")
    assert signer.auto() == ["v0.0"]
    words = Path(f"{program}.words").read_text()
    assert words == "--batch --no-tty --pinentry-mode error --status-fd=2 -bsau ABCD\n"
    # Older versions of Git keep to themselves what gpg says.
    assert re.search(
        "v0.0 is not signed: gpg(: signing failed: No pinentry| failed to sign the data); fix: ", capfd.readouterr().err
    )


X509 = """#!/bin/sh
here=$(dirname "$0")
echo "$@" >>"$0.words"
case $1 in --batch) [ "${0##*/}" = gpgsm ] || exit 64 ;; esac
openssl cms -sign -binary -outform PEM -signer "$here/cert" -inkey "$here/key" |
    sed 's/ CMS---/ SIGNED MESSAGE---/' && printf '\\n[GNUPG:] SIG_CREATED \\n' >&2
"""


@pytest.mark.compatibility(
    "Git settings and versions",
    "signed tags and commits (`tag.gpgSign`, `commit.gpgSign`; SSH, GPG, X.509)",
)
@pytest.mark.parametrize("name", ["gpgsm", "smimesign"])
def test_x509(signer: Signer, name: str) -> None:
    """gpgsm is told to ask nobody; another program, which may know no such option, gets Git's own words alone."""
    program = signer.key.parent / name
    program.write_text(X509)
    program.chmod(0o700)
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=ada"]
    subprocess.run([*request, "-keyout", "key", "-out", "cert"], cwd=program.parent, check=True, capture_output=True)
    signer.configure(gpg_format="x509", gpg_x509_program=str(program), user_signingKey="ada")
    signer.checkpoint("one")
    assert signer.auto() == ["v0.0"]
    assert "-----BEGIN SIGNED MESSAGE-----" in signer.model.git("cat-file", "tag", "v0.0").out
    words = Path(f"{program}.words").read_text()
    options = "--batch --no-tty --pinentry-mode error " if name == "gpgsm" else ""
    assert words == f"{options}--status-fd=2 -bsau ada\n"


def test_program_that_waits_for_somebody(
    signer: Signer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(signing, "PATIENCE", 0.5)
    program = signer.key.parent / "waits"
    program.write_text("#!/bin/sh\necho $$ >$0.pid\nexec sleep 600\n")
    program.chmod(0o700)
    signer.configure(gpg_ssh_program=str(program))
    signer.checkpoint("one")
    assert signer.auto() == ["v0.0"]
    assert "v0.0 is not signed: the program that signs did not end within " in capfd.readouterr().err
    assert not Path(f"/proc/{Path(f'{program}.pid').read_text().strip()}/exe").exists()


def test_tags_of_stages(make_repo: MakeRepo, tmp_path: Path) -> None:
    model = make_repo(files={"model.bin": "one"})
    signer = Signer(model, make_key(tmp_path))
    signer.configure()
    assert model.cpv("promote", "v0.0", "prod").text == "resnet#prod#1\n"
    assert model.cpv("demote", "prod").text == "resnet#prod!#2\n"
    for name in ("resnet@v0.0.0", "resnet#prod#1", "resnet#prod!#2"):
        assert 'Good "git" signature' in model.git("verify-tag", name).text
        assert f"\ntag {name}\n" in model.git("cat-file", "tag", name).out
    assert "out of prod" in model.git("tag", "-l", "--format=%(contents)", "resnet#prod!#2").out
    shown = model.cpv("stages", "--history").out
    assert "promote" in shown and "demote" in shown
    assert model.git("fsck", "--strict", "--no-dangling").err == ""


def test_commit_of_cpv(make_repo: MakeRepo, tmp_path: Path) -> None:
    model = make_repo(files={"model.bin": "one"})
    signer = Signer(model, make_key(tmp_path))
    signer.configure(commit_gpgSign="true")
    model.write("new.bin", "two")
    assert model.cpv("model", "upload", "new.bin").out == "v0.1\n"
    assert 'Good "git" signature' in model.git("verify-commit", "HEAD").text
    signer.verify("v0.1")


def test_commit_of_cpv_by_a_key_with_a_passphrase(make_repo: MakeRepo, tmp_path: Path) -> None:
    model = make_repo(files={"model.bin": "one"})
    signer = Signer(model, make_key(tmp_path, PASSPHRASE))
    signer.configure(commit_gpgSign="true")
    model.write("new.bin", "two")
    done = model.cpv("model", "upload", "new.bin")
    assert done.out == "v0.1\n"
    assert "cpv: warning: the commit is not signed: " in done.err
    assert "; fix: git commit --amend --no-edit -S\n" in done.err
    assert "cpv: warning: v0.1 is not signed: " in done.err
    assert "gpgsig" not in model.git("cat-file", "commit", "HEAD").out


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "locked"])
def test_commits_of_init(make_repo: MakeRepo, tmp_path: Path, is_open: bool) -> None:
    model = make_repo(install=False)
    signer = Signer(model, make_key(tmp_path, "" if is_open else PASSPHRASE))
    for key, value in {**signer.settings, "commit.gpgSign": "true"}.items():
        model.git("config", "--global", key, value)
    done = model.cpv("init", "new", "--team-name", "vision")
    fresh = Shell(model.path / "new")
    assert ("gpgsig" in fresh.git("cat-file", "commit", "HEAD").out) is is_open
    assert ("the commit is not signed" in done.err, "v0.0 is not signed" in done.err) == (not is_open, not is_open)
    for what, rev in (("verify-commit", "HEAD"), ("verify-tag", "v0.0")):
        assert fresh.git(what, rev, status=None).status == (0 if is_open else 1)


def test_steps_of_a_run_are_not_signed_and_the_version_that_is_made_of_one_is(
    make_repo: MakeRepo, tmp_path: Path
) -> None:
    """A step is taken in while the job goes on, and nobody is there to unlock a key."""
    model = make_repo(files={"model.bin": "one"})
    signer = Signer(model, make_key(tmp_path))
    signer.configure(commit_gpgSign="true")
    job = Job(model.path, 2)
    assert job.end() == 0, job.errors
    steps = model.git("for-each-ref", "--format=%(refname)", "refs/cpv/runs").lines
    assert steps
    assert not any("gpgsig" in model.git("cat-file", "commit", step).out for step in steps)
    assert model.cpv("runs", "promote", "main").out == "v0.1\n"
    for what, rev in (("verify-commit", "HEAD"), ("verify-tag", "v0.1")):
        assert 'Good "git" signature' in model.git(what, rev).text


def test_settings_given_to_the_git_command_reach_the_hook(make_repo: MakeRepo, tmp_path: Path) -> None:
    model = make_repo(files={"model.bin": "one"})
    signer = Signer(model, make_key(tmp_path))
    given = [word for key, value in signer.settings.items() for word in ("-c", f"{key}={value}")]
    model.write("model.bin", "two")
    model.git(*given, "commit", "-qm", "signed")
    model.write("model.bin", "three")
    signer.configure()
    model.git("-c", "tag.gpgSign=false", "commit", "-qm", "not signed")
    signer.verify("v0.1")
    assert not signer.is_signed("v0.2")
