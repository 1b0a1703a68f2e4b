"""Two people, one Git host: automatic numbers that both took, branches that moved on, pushes that half arrived."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import MakeRepo

from support.repos import ModelRepo
from support.shell import Shell

pytestmark = pytest.mark.real_hooks


class Desk(ModelRepo):
    """A clone with hooks and a model of its own."""

    def better(self, text: str) -> str:
        """A commit with a new model; returns it."""
        name = f"{self.path.name}/model.bin"
        self.write(name, text)
        if not (self.path / f"{name}.dvc").exists():
            self.track(name)
        return self.commit(text)

    def push(self, *args: str, status: int = 0) -> str:
        return self.git("push", "-q", *args, status=status).err

    def number(self, commit: str = "HEAD") -> list[str]:
        return self.git("tag", "--points-at", commit).lines


@pytest.fixture
def host(shell: Shell) -> Shell:
    shell.git("init", "-q", "--bare", "host.git")
    return Shell(shell.path / "host.git")


@pytest.fixture
def ada(make_repo: MakeRepo, host: Shell) -> Desk:
    desk = Desk(make_repo("ada", files={"model.bin": "one"}).path)
    desk.git("remote", "add", "origin", host.path)
    desk.push("-u", "origin", "main")
    return desk


@pytest.fixture
def grace(ada: Desk, host: Shell) -> Desk:
    Shell(ada.path.parent).git("clone", "-q", host.path, "grace")
    desk = Desk(ada.path.parent / "grace")
    desk.cpv("install", "-q")
    return desk


def sent(desk: Desk) -> list[Path]:
    return list((desk.path / ".git/cpv/sent").glob("*"))


def where(host: Shell, tag: str) -> str:
    return host.git("rev-parse", f"{tag}^{{commit}}").out.strip()


def test_a_number_that_somebody_else_published_first_is_changed_before_the_push(
    ada: Desk, grace: Desk, host: Shell
) -> None:
    """Git's `push.followTags` would pass over the tag in silence: the host has that name."""
    ada.better("ada")
    ada.push()
    grace.better("grace 1")
    grace.better("grace 2")
    assert grace.tags() == ["v0.0", "v0.1", "v0.2"]
    grace.git("pull", "-q", "--rebase")
    said = grace.push(status=1)
    assert "cpv: v0.1 already exists on the remote; your tag was renumbered to v0.2; fix: git push again" in said
    assert "cpv: v0.2 already exists on the remote; your tag was renumbered to v0.3" not in said
    assert "cpv: v0.2 was renumbered to v0.3, because it comes after a renumbered tag" in said
    grace.push()
    assert (grace.number("HEAD^"), grace.number()) == (["v0.2"], ["v0.3"])
    assert host.git("tag", "--sort=version:refname").lines == ["v0.0", "v0.1", "v0.2", "v0.3"]
    assert where(host, "v0.1") == ada.head()
    grace.git("pull", "-q")
    assert grace.git("rev-parse", "v0.1^{commit}").out.strip() == ada.head()


def test_no_automatic_tag_goes_out_without_its_branch(ada: Desk, grace: Desk, host: Shell) -> None:
    """The branch moved on and is refused; Git itself would publish the tag of a commit that a rebase replaces."""
    ada.git("commit", "-q", "--allow-empty", "-m", "no checkpoint")
    ada.push()
    grace.better("grace")
    said = grace.push(status=1)
    assert (
        "cpv: origin/main has new commits: v0.1 would be pushed without its branch; "
        "fix: git pull --rebase, then git push again" in said
    )
    assert host.git("tag").lines == ["v0.0"]
    grace.git("pull", "-q", "--rebase")
    grace.push()
    assert where(host, "v0.1") == grace.head()
    # By its name it goes wherever the branch could go too.
    grace.better("grace again")
    grace.push("origin", "v0.2")
    assert where(host, "v0.2") == grace.head()


def test_one_pull_and_one_push_are_enough_where_the_branch_moved_on_and_the_number_is_taken(
    ada: Desk, grace: Desk, host: Shell
) -> None:
    ada.better("ada")
    ada.push()
    grace.better("grace")
    said = grace.push(status=1)
    assert "cpv: v0.1 already exists on the remote; your tag was renumbered to v0.2; fix: git push again" in said
    assert "cpv: origin/main has new commits: v0.2 would be pushed without its branch; fix: git pull --rebase" in said
    grace.git("pull", "-q", "--rebase")
    grace.push()
    assert where(host, "v0.2") == grace.head()


def test_a_forced_push_takes_the_tags_along(ada: Desk, grace: Desk, host: Shell) -> None:
    ada.git("commit", "-q", "--allow-empty", "-m", "to be replaced")
    ada.push()
    grace.better("grace")
    grace.push("--force")
    assert where(host, "main") == where(host, "v0.1") == grace.head()


def test_the_tag_of_an_atomic_push_that_was_refused_follows_the_rebase(ada: Desk, grace: Desk, host: Shell) -> None:
    """Somebody is first between Git's question and its answer: nothing went out, so nothing is published."""
    grace.better("grace")
    update = host.write("hooks/pre-receive", "#!/bin/sh\nexit 1\n")
    update.chmod(0o755)
    grace.push("--atomic", status=1)
    assert len(sent(grace)) == 1
    update.unlink()
    ada.better("ada")
    ada.push()
    grace.git("pull", "-q", "--rebase")
    assert sent(grace) == []
    assert "v0.1 already exists on the remote; your tag was renumbered to v0.2" in grace.push("--atomic", status=1)
    grace.push("--atomic")
    assert where(host, "v0.2") == grace.head()
    assert host.git("tag").lines == ["v0.0", "v0.1", "v0.2"]


def test_a_tag_that_was_lost_while_its_branch_arrived_is_found(ada: Desk, grace: Desk, host: Shell) -> None:
    grace.better("grace")
    update = host.write("hooks/update", "#!/bin/sh\ncase $1 in refs/tags/*) exit 1 ;; esac\n")
    update.chmod(0o755)
    grace.push(status=1)
    update.unlink()
    assert where(host, "main") == grace.head()
    ada.better("ada")
    ada.push("--no-verify", "origin", "v0.1")
    assert "v0.1 already exists on the remote; your tag was renumbered to v0.2" in grace.push(status=1)
    grace.push()
    assert where(host, "v0.2") == grace.head()
    assert len(sent(grace)) == 1
    grace.push()
    assert sent(grace) == []
    assert "\nv0.2 " in "\n" + grace.read(".git/cpv/published").decode()


def test_what_the_host_has_stays_published_through_a_rewrite(ada: Desk, host: Shell) -> None:
    old = ada.better("ada")
    ada.push()
    ada.write("ada/model.bin", "ada again")
    ada.git("commit", "-q", "--amend", "-m", "ada again")
    assert (ada.number(old), ada.number()) == (["v0.1"], ["v0.2"])
    assert sent(ada) == []


def test_while_the_host_is_away_what_left_counts_as_published(ada: Desk, host: Shell) -> None:
    old = ada.better("ada")
    ada.push()
    host.path.rename(host.path.with_name("away"))
    ada.git("commit", "-q", "--amend", "-m", "ada again")
    assert (ada.number(old), ada.number()) == (["v0.1"], ["v0.2"])
    assert len(sent(ada)) == 1


def test_the_url_of_an_unnamed_remote_is_not_kept(ada: Desk, host: Shell) -> None:
    ada.better("ada")
    ada.push(str(host.path), "main", "v0.1")
    assert sent(ada) == []
    assert "\nv0.1 " in "\n" + ada.read(".git/cpv/published").decode()
