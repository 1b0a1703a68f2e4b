"""Uploads that begin while a commit is being made: what is there before the message is written, and what goes wrong."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.git.repo import Repo
from cpv_hooks.transfer.commits.early_upload import LARGE
from cpv_hooks.transfer.objects.upload_queue import Queue
from support.repos import SETTINGS, ModelRepo

WAIT = """#!/bin/sh
# An editor that waits for an object to appear.
for _ in $(seq 600); do
    [ -f "{object}" ] && {{ echo "Written after the upload" >"$1"; exit {status}; }}
    sleep 0.1
done
exit 1
"""
KILL = """#!/bin/sh
# An editor beside which the upload is killed.
pkill -9 -f "cpv_hooks.transfer.commits.early_upload {root}"
echo "Written meanwhile" >"$1"
"""


@pytest.fixture
def model(make_repo: MakeRepo) -> ModelRepo:
    return make_repo(files={"model.bin": b"small", "data/a": b"1"})


Write = Callable[[str], Path]


def large(model: ModelRepo, name: str = "model.bin") -> Path:
    """A large artifact of this name with new content; returns where its object will be on the remote."""
    content = os.urandom(1 << 20) * (LARGE >> 20)
    model.write(name, content)
    oid = hashlib.md5(content).hexdigest()
    return model.path.parent / "storage/files/md5" / oid[:2] / oid[2:]


def editor(model: ModelRepo, text: str) -> dict[str, str]:
    path = model.path.parent / "editor"
    path.write_text(text)
    path.chmod(0o755)
    return {"GIT_EDITOR": str(path)}


def locks(model: ModelRepo) -> list[Path]:
    return list((model.path / ".git/cpv").glob("early-*"))


def waiting(model: ModelRepo) -> int:
    return len(Queue.of(Repo.discover(model.path)).pending())


@pytest.mark.parametrize("options", [[], ["-a"], ["--amend"]])
def test_the_data_is_there_before_the_message_is_written(model: ModelRepo, options: list[str]) -> None:
    place = large(model)
    model.git("commit", *options, env=editor(model, WAIT.format(object=place, status=0)))
    assert model.git("log", "-1", "--format=%s").out == "Written after the upload\n"
    assert place.stat().st_size == LARGE
    assert waiting(model) == 0


def test_what_git_status_has_hashed(model: ModelRepo) -> None:
    place = large(model)
    assert "model.bin.dvc" in model.git("status", "-s").out
    model.git("commit", env=editor(model, WAIT.format(object=place, status=0)))
    assert place.stat().st_size == LARGE


def test_a_commit_that_is_given_up(model: ModelRepo) -> None:
    head, place = model.head(), large(model)
    model.git("commit", env=editor(model, WAIT.format(object=place, status=1)), status=1)
    assert (model.head(), model.tags(), waiting(model)) == (head, ["data-v0.0", "v0.0"], 0)
    model.git("commit", "-q", "-m", "all the same")
    assert place.exists()
    assert waiting(model) == 0


def test_a_process_that_is_killed(model: ModelRepo) -> None:
    place = large(model)
    model.git("commit", env=editor(model, KILL.format(root=model.path)))
    assert hashlib.md5(place.read_bytes()).hexdigest() == place.parent.name + place.name
    assert waiting(model) == 0


def test_a_process_that_fails(model: ModelRepo) -> None:
    storage = model.path.parent / "storage"
    storage.rename(storage.with_name("gone"))
    storage.write_text("no folder")
    place = large(model)
    done = model.git("commit", "-q", "-m", "nowhere to go")
    assert "is not uploaded" in done.err
    assert waiting(model) == 1
    storage.unlink()
    storage.with_name("gone").rename(storage)
    model.cpv("sync")
    assert place.exists()


@pytest.mark.parametrize(
    "settings", ["", '[push]\nwhen = "never"\n', '[push]\nwhen = "push"\n', '[push]\nwhen = "background"\n']
)
def test_nothing_begins_early_where_it_does_not_pay(make_repo: MakeRepo, settings: str) -> None:
    model = make_repo(settings=SETTINGS + settings, files={"model.bin": b"small"})
    if settings:
        large(model)
    else:
        model.write("model.bin", b"small too")
    model.git("commit", "-q", "-m", "second")
    assert locks(model) == []
