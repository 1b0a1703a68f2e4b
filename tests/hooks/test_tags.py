from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.errors import CPVError
from cpv_hooks.git.refs import TAGS
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.versions import checkpoint as checkpoints
from cpv_hooks.versions import lost_races, new_tags, tag_records, tag_refs, tags
from cpv_hooks.versions.tag_message import TagInfo, parse_tag_message
from support.repos import SETTINGS, ModelRepo
from support.shell import BIN


class Tagger:
    """A model repository without hooks, and CPV's tag functions bound to it."""

    def __init__(self, model: ModelRepo) -> None:
        self.model = model
        self.repo = Repo.discover(model.path)

    @property
    def project(self) -> Project:
        return Project.find_all(self.repo)[0]

    def checkpoint(self, *names: str, content: str | None = None, message: str = "train") -> str:
        """A commit with new content in these artifacts."""
        for name in names:
            self.model.write(name, content or f"{name} {self.model.git('rev-list', '--all', '--count').out}")
        self.model.track(*names)
        return self.model.commit(message)

    def auto(self, commit: str = "HEAD") -> list[str]:
        return tags.create_auto(self.repo, checkpoints.roots(self.repo, self.project), commit)

    def create(self, version: str | None = None, *lines: Line, message: str | None = None) -> list[str]:
        return tags.create_tags(self.repo, self.project, version, message, lines or (Line.MODEL,))

    def check(self, name: str, commit: str = "HEAD") -> None:
        new = {name.removeprefix(TAGS): self.model.git("rev-parse", commit).out.strip()}
        new_tags.check_new_tags(self.repo, checkpoints.roots(self.repo, self.project), new)

    def moved(self, *pairs: tuple[str, str]) -> list[str]:
        return tags.move_rewritten(self.repo, self.project, pairs)

    def info(self, name: str) -> TagInfo:
        return parse_tag_message(self.model.git("tag", "-l", "--format=%(contents)", name).out)

    def where(self, name: str) -> str:
        return self.model.git("rev-parse", f"{name}^{{commit}}").out.strip()


@pytest.fixture
def tagger(make_repo: MakeRepo) -> Tagger:
    return Tagger(make_repo(install=False))


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(CPVError) as error:
        call()
    return str(error.value)


# The automatic tags of a commit


def test_each_line_whose_pointers_changed_gets_its_next_number(tagger: Tagger) -> None:
    tagger.checkpoint("model.bin", "labels.csv")
    assert tagger.auto() == ["v0.0"]
    tagger.checkpoint("model.bin")
    tagger.model.write("data/a", "1")
    tagger.model.track("data")
    tagger.model.commit("data alone")
    assert tagger.auto("HEAD~") == ["v0.1"]
    assert tagger.auto() == ["data-v0.0"]
    tagger.model.git("commit", "-q", "--allow-empty", "-m", "nothing")
    assert tagger.auto() == []


def test_both_lines_on_one_commit(tagger: Tagger) -> None:
    tagger.model.write("data/a", "1")
    tagger.model.track("data")
    tagger.checkpoint("model.bin")
    assert tagger.auto() == ["v0.0", "data-v0.0"]


@pytest.mark.parametrize("name", ["metrics.log", "tokenizer.json"])
def test_metrics_and_extras_alone_are_a_model_checkpoint(tagger: Tagger, name: str) -> None:
    tagger.checkpoint(name)
    assert tagger.auto() == ["v0.0"]


def test_a_commit_is_tagged_automatically_once(tagger: Tagger) -> None:
    tagger.checkpoint("model.bin")
    assert tagger.auto() == ["v0.0"]
    assert tagger.auto() == []
    tagger.create("v1.0")
    assert tagger.auto() == []
    tagger.model.write("data/a", "1")
    tagger.model.track("data")
    tagger.checkpoint("model.bin")
    assert tagger.auto() == ["v1.1", "data-v0.0"]


def test_numbers_go_by_component(tagger: Tagger) -> None:
    for name in ("v0.9", "data-v3.99"):
        tagger.model.git("tag", name)
    tagger.checkpoint("model.bin")
    assert tags.next_tag(tagger.repo, tagger.project, Line.DATA) == "data-v3.100"
    assert tagger.auto() == ["v0.10"]
    assert tags.last_tag(tagger.repo, tagger.project, Line.MODEL) == "v0.10"
    assert tags.next_tag(tagger.repo, tagger.project, Line.MODEL) == "v0.11"


def test_a_number_without_room_is_passed_over(tagger: Tagger) -> None:
    tagger.model.git("tag", "v0.0/notes")
    tagger.checkpoint("model.bin")
    assert tagger.auto() == ["v0.1"]
    assert tags.last_tag(tagger.repo, tagger.project, Line.DATA) is None


def test_a_merge_that_takes_one_sides_pointers_gets_no_tag(tagger: Tagger) -> None:
    tagger.checkpoint("model.bin")
    tagger.model.git("checkout", "-q", "-b", "side")
    tagger.checkpoint("model.bin")
    tagger.model.git("checkout", "-q", "main")
    tagger.model.write("notes.txt", "notes")
    tagger.model.git("add", "-A")
    tagger.model.commit("notes")
    tagger.model.git("merge", "-q", "--no-ff", "-m", "merge", "side")
    assert tagger.auto() == []


def test_a_merge_with_content_of_its_own_is_a_checkpoint(tagger: Tagger) -> None:
    tagger.checkpoint("model.bin")
    tagger.model.git("checkout", "-q", "-b", "side")
    tagger.checkpoint("model.bin")
    tagger.model.git("checkout", "-q", "main")
    tagger.model.git("merge", "-q", "--no-ff", "--no-commit", "side")
    tagger.checkpoint("model.bin", content="averaged")
    assert tagger.auto() == ["v0.0"]


def test_a_removed_artifact_is_no_checkpoint(tagger: Tagger) -> None:
    tagger.checkpoint("model.bin")
    tagger.model.git("rm", "-q", "model.bin.dvc")
    tagger.model.commit("remove")
    assert tagger.auto() == []


def test_no_automatic_tags_where_the_settings_say_so(tagger: Tagger) -> None:
    tagger.model.write(".cpv.toml", "[tags]\non_commit = false\n")
    tagger.checkpoint("model.bin")
    assert tagger.auto() == []
    assert tagger.create() == ["v0.0"]


def test_the_parent_had_a_broken_pointer(tagger: Tagger) -> None:
    tagger.checkpoint("model.bin")
    whole = tagger.model.read("model.bin.dvc")
    tagger.model.write("model.bin.dvc", "<<<<<<< ours\n")
    tagger.model.git("add", "-A")
    tagger.model.commit("broken")
    assert refused(tagger.auto).startswith("model.bin.dvc: has merge conflict markers; fix: ")
    tagger.model.write("model.bin.dvc", whole)
    tagger.model.git("add", "-A")
    tagger.model.commit("mended")
    assert tagger.auto() == ["v0.0"]


def test_a_pointer_without_content_is_never_tagged(tagger: Tagger) -> None:
    tagger.model.write("model.bin.dvc", "outs:\n- path: model.bin\n")
    tagger.model.git("add", "-A")
    commit = tagger.model.commit("no content")
    expected = (
        f"model.bin.dvc: model.bin has no content at {commit[:10]}, so it cannot be tagged; "
        "fix: dvc commit model.bin.dvc, git commit"
    )
    assert refused(tagger.auto) == expected
    assert refused(tagger.create) == expected
    assert refused(lambda: tagger.check("v1.0")) == expected.replace("tagged;", "tagged (v1.0);")
    assert tagger.model.tags() == []


# What stands on a tag


def test_a_tag_is_annotated_readable_and_machine_readable(tagger: Tagger) -> None:
    tagger.model.write("data/a b", "1")
    tagger.model.write("data/ü", "22")
    tagger.model.track("data")
    tagger.model.write("metrics.log", '{"epoch": 3, "loss": 0.25, "note": "so\\nso", "val loss": 1}\n')
    tagger.model.write("model.bin", "0" * 1500)
    tagger.model.track("model.bin", "metrics.log")
    tagger.model.commit("epoch 3")
    assert tagger.auto() == ["v0.0", "data-v0.0"]
    assert tagger.model.git("cat-file", "-t", "v0.0").out == "tag\n"
    text = tagger.model.git("tag", "-l", "--format=%(contents)", "v0.0").out
    lines = text.splitlines()
    assert lines[:6] == [
        "v0.0: epoch 3",
        "",
        "data     data         3 B, 2 files  changed",
        "metrics  metrics.log  60 B  changed",
        "model    model.bin    1.5 kB  changed",
        "epoch 3, loss 0.25, note so?so, val loss 1",
    ]
    trailers = tagger.model.git("interpret-trailers", "--parse", input=text).out.splitlines()
    data = tagger.model.read("data.dvc").decode().split("md5: ")[1].split("\n")[0]
    assert trailers == [
        "Cpv-Line: model",
        "Cpv-Automatic: true",
        f'Cpv-Artifact: kind=data hash={data} size=3 nfiles=2 path="data"',
        f'Cpv-Artifact: kind=metrics hash={tagger.model.md5("metrics.log")} size=60 path="metrics.log"',
        f'Cpv-Artifact: kind=model hash={tagger.model.md5("model.bin")} size=1500 path="model.bin"',
        "Cpv-Metric: epoch=3",
        "Cpv-Metric: loss=0.25",
        'Cpv-Metric: note="so\\nso"',
        'Cpv-Metric: "val loss"=1',
    ]
    info = tagger.info("v0.0")
    assert (info.subject, info.line, info.automatic) == ("v0.0: epoch 3", Line.MODEL, True)
    assert dict(info.metrics) == {"epoch": 3, "loss": 0.25, "note": "so\nso", "val loss": 1}
    assert [(a.kind, a.path, a.size, a.nfiles) for a in info.artifacts] == [
        ("data", "data", 3, 2),
        ("metrics", "metrics.log", 60, None),
        ("model", "model.bin", 1500, None),
    ]
    assert tagger.info("data-v0.0").line is Line.DATA
    tagger.model.git("fsck", "--full", "--strict")


def test_names_that_are_not_plain_come_back_as_they_were(tagger: Tagger) -> None:
    name = 'a "b" path=x ü.bin'
    tagger.checkpoint(name, message="# not a comment")
    assert tagger.auto() == ["v0.0"]
    info = tagger.info("v0.0")
    assert info.subject == "v0.0: # not a comment"
    assert [artifact.path for artifact in info.artifacts] == [name]


def test_many_artifacts_and_no_metrics_in_the_cache(tagger: Tagger) -> None:
    tagger.checkpoint("metrics.log", *(f"part-{number:02}.bin" for number in range(25)))
    cached = tagger.model.md5("metrics.log")
    (tagger.model.path / ".dvc/cache/files/md5" / cached[:2] / cached[2:]).unlink()
    assert tagger.auto() == ["v0.0"]
    text = tagger.model.git("tag", "-l", "--format=%(contents:body)", "v0.0").out
    assert "\nand 6 more\n" in text
    info = tagger.info("v0.0")
    assert len(info.artifacts) == 26 and not info.metrics


def test_two_metrics_files_say_which_is_which(tagger: Tagger) -> None:
    tagger.model.write(".cpv.toml", '[artifacts]\nmetrics = ["*.log"]\n')
    tagger.model.write("a.log", "loss=1")
    tagger.model.write("b.log", "loss=2")
    tagger.model.track("a.log", "b.log")
    tagger.model.commit()
    tagger.auto()
    assert dict(tagger.info("v0.0").metrics) == {"a.log:loss": 1, "b.log:loss": 2}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v1.0",
        "v1.0\n\nCpv-Line: both\n",
        "v1.0\n\nCpv-Line: model\n\nno trailers here\n",
        "Cpv-Automatic: true\n",
    ],
)
def test_a_message_that_cpv_did_not_write(text: str) -> None:
    info = parse_tag_message(text)
    assert (info.line, info.automatic, info.artifacts, dict(info.metrics)) == (None, False, (), {})


@pytest.mark.parametrize(
    "trailer",
    [
        "Cpv-Artifact: kind=model",
        'Cpv-Artifact: kind=weird path="a"',
        'Cpv-Artifact: kind=model path="a',
        'Cpv-Artifact: kind=model size=-1 path="a"',
        'Cpv-Artifact: kind=model path="a" "b"',
        "Cpv-Metric: loss",
        "Cpv-Metric: loss=[1]",
        'Cpv-Metric: "loss=1',
        'Cpv-Metric: "loss" 1',
        "Cpv-Metric: loss=" + "[" * 10_000,
        "Cpv-Other: x",
    ],
)
def test_a_malformed_trailer_is_passed_over(trailer: str) -> None:
    info = parse_tag_message(f"v1.0\n\nCpv-Line: model\n{trailer}\nCpv-Metric: acc=1\n")
    assert (info.line, info.artifacts, dict(info.metrics)) == (Line.MODEL, (), {"acc": 1})


def test_without_an_identity(tagger: Tagger, monkeypatch: pytest.MonkeyPatch) -> None:
    tagger.checkpoint("model.bin")
    for key, value in (("user.useConfigOnly", "true"), ("user.name", ""), ("user.email", "")):
        tagger.model.git("config", "--global", key, value)
    line = refused(tagger.auto)
    assert "git var failed: " in line
    assert line.endswith("; fix: git config --global user.email YOU@EXAMPLE.COM")
    assert tagger.model.tags() == []


# dvc cpv tag


def test_the_next_number_of_the_lines_that_are_asked_for(tagger: Tagger) -> None:
    tagger.checkpoint("model.bin")
    tagger.auto()
    assert tagger.create() == ["v0.1"]
    assert tagger.create(None, Line.DATA) == ["data-v0.0"]
    assert tagger.create(None, Line.MODEL, Line.DATA) == ["v0.2", "data-v0.1"]
    assert not tagger.info("v0.1").automatic


@pytest.mark.parametrize(
    ("version", "lines", "names"),
    [
        ("v1.0", (Line.MODEL,), ["v1.0"]),
        ("1.0", (Line.MODEL,), ["v1.0"]),
        ("data-v1.0", (Line.DATA,), ["data-v1.0"]),
        ("v1.0", (Line.DATA,), ["data-v1.0"]),
        ("1.0", (Line.DATA,), ["data-v1.0"]),
        ("v1.0", (Line.MODEL, Line.DATA), ["v1.0", "data-v1.0"]),
        ("data-v1.0", (Line.MODEL, Line.DATA), ["v1.0", "data-v1.0"]),
    ],
)
def test_an_explicit_version(tagger: Tagger, version: str, lines: tuple[Line, ...], names: list[str]) -> None:
    assert tagger.create(version, *lines, message="Release\n\nwith a body\n---\nCpv-Automatic: true\n") == names
    info = tagger.info(names[0])
    assert (info.subject, info.line, info.automatic) == ("Release", lines[0], False)
    assert tags.next_tag(tagger.repo, tagger.project, lines[0]) == names[0][:-1] + "1"


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("v1", "'v1' is not a version of this repository (vMAJOR.MINOR); fix: git tag v0.4"),
        ("", "'' is not a version of this repository (vMAJOR.MINOR); fix: git tag v0.4"),
        ("--list", "'--list' is not a version of this repository (vMAJOR.MINOR); fix: git tag v0.4"),
        ("v1.0\nv2.0", "'v1.0\\nv2.0' is not a version of this repository (vMAJOR.MINOR); fix: git tag v0.4"),
        ("data-v1.0", "data-v1.0 numbers data, not models; fix: dvc cpv tag data-v1.0 --data"),
        ("v0.3", "the tag v0.3 exists already; fix: git tag v0.4"),
        ("v0.2", "v0.2 is not higher than v0.3; fix: git tag v0.4"),
    ],
)
def test_an_explicit_version_that_is_refused(tagger: Tagger, version: str, message: str) -> None:
    tagger.model.git("tag", "v0.3")
    assert refused(lambda: tagger.create(version)) == message
    assert tagger.model.tags() == ["v0.3"]


def test_both_lines_or_neither(tagger: Tagger) -> None:
    tagger.model.git("tag", "data-v1.0")
    line = refused(lambda: tagger.create("v1.0", Line.MODEL, Line.DATA))
    assert line == "the tag data-v1.0 exists already; fix: git tag data-v1.1"
    # A lock that a killed Git left: the transaction writes neither.
    lock = tagger.repo.common_dir / "refs/tags/data-v2.0.lock"
    lock.touch()
    assert "git update-ref failed" in refused(lambda: tagger.create("v2.0", Line.MODEL, Line.DATA))
    lock.unlink()
    assert tagger.model.tags() == ["data-v1.0"]
    assert tagger.create("v2.0", Line.MODEL, Line.DATA) == ["v2.0", "data-v2.0"]
    assert tagger.where("v2.0") == tagger.where("data-v2.0") == tagger.model.head()


def test_an_empty_message_and_a_repository_without_commits(tagger: Tagger, tmp_path: Path) -> None:
    line = refused(lambda: tagger.create(message=" \n"))
    assert line == 'the message of a tag cannot be empty; fix: dvc cpv tag -m "MESSAGE"'
    tagger.model.git("checkout", "-q", "--orphan", "empty")
    assert refused(tagger.create) == f"{tagger.repo.top}: HEAD names no commit; fix: git commit"


def test_hostile_names_of_a_plugins_scheme_are_refused(tagger: Tagger) -> None:
    from cpv_hooks.versions import tag_refs

    for name in ("-d", "a b", "a..b", "a\nb", "a.lock", "@{", "", "a\0b"):
        assert refused(lambda name=name: tag_refs.check_tag_name(tagger.repo, name)) == (
            f"{name!r} is not a name that Git takes for a tag; fix: dvc cpv tag (picks the next number)"
        )


def test_numbers_taken_at_the_same_time(tagger: Tagger) -> None:
    made: list[str] = []
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        for _ in range(5):
            made.extend(tagger.create(None, Line.MODEL))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == sorted(f"v0.{number}" for number in range(20))
    assert set(tagger.model.tags()) == set(made)


# git tag, checked


@pytest.mark.parametrize("name", ["release-2024", "vendor", "archive/v1", "v", "refs/tags/data-old", "v0.5", "v1.0"])
def test_names_that_pass(tagger: Tagger, name: str) -> None:
    tagger.model.git("tag", "v0.4")
    tagger.check(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("v1", "'v1' is not a version of this repository (vMAJOR.MINOR); fix: git tag v0.5"),
        ("refs/tags/v01.0", "'v01.0' is not a version of this repository (vMAJOR.MINOR); fix: git tag v0.5"),
        ("v1.2.3", "'v1.2.3' is not a version of this repository (vMAJOR.MINOR); fix: git tag v0.5"),
        ("data-v1", "'data-v1' is not a version of this repository (data-vMAJOR.MINOR); fix: git tag data-v0.0"),
        ("v0.3", "v0.3 is not higher than v0.4; fix: git tag v0.5"),
    ],
)
def test_names_that_are_refused(tagger: Tagger, name: str, message: str) -> None:
    tagger.model.git("tag", "v0.4")
    assert refused(lambda: tagger.check(name)) == message


def test_a_tag_that_names_no_commit(tagger: Tagger) -> None:
    line = refused(lambda: tagger.check("v1.0", "HEAD^{tree}"))
    assert line == f"{tagger.repo.top}: v1.0 would name no commit; fix: git tag v1.0 HEAD"


def test_a_published_tag_never_moves_and_its_number_is_never_given_again(tagger: Tagger) -> None:
    tagger.checkpoint("model.bin")
    tagger.auto()
    tagger.checkpoint("model.bin")
    # Not published: the user may move it. Where it stands already: `git pack-refs` reports it like that.
    tagger.check("v0.0")
    tag_records.mark_published(tagger.repo, ["v0.0", "v0.0"])
    tag_records.mark_published(tagger.repo, ["v0.0"])
    assert (tagger.repo.shared / "published").read_text() == "v0.0\n"
    assert tag_refs.is_published(tagger.repo, "v0.0") and not tag_refs.is_published(tagger.repo, "v0.1")
    tagger.check("v0.0", "v0.0")
    expected = "v0.0 is published, and a published tag never moves; fix: git tag v0.1"
    assert refused(lambda: tagger.check("v0.0")) == expected
    # Its own commit, without the tag object: another tag under the name that others have.
    assert refused(lambda: tagger.check("v0.0", "HEAD~")) == expected
    tagger.model.git("tag", "-d", "v0.0")
    assert refused(lambda: tagger.check("v0.0")) == expected
    assert tagger.auto() == ["v0.1"]


def test_a_tag_that_a_clone_brought_is_published(tagger: Tagger, tmp_path: Path) -> None:
    tagger.checkpoint("model.bin")
    tagger.auto()
    tagger.model.git("clone", "-q", tagger.model.path, tmp_path / "clone")
    clone = Tagger(ModelRepo(tmp_path / "clone"))
    assert tag_refs.is_published(clone.repo, "v0.0")
    assert not tag_refs.is_published(tagger.repo, "v0.0")
    clone.model.git("commit", "-q", "--amend", "-m", "amended")
    assert clone.moved((clone.where("v0.0"), clone.model.head())) == ["v0.1"]
    assert clone.where("v0.0") == tagger.where("v0.0")


def test_the_scheme_decides_what_is_checked(tagger: Tagger) -> None:
    tagger.model.write(".cpv.toml", SETTINGS + '[tags]\nscheme = "gto"\n')
    tagger.checkpoint("model.bin")
    assert tagger.auto() == ["resnet@v0.0.1"]
    tagger.check("v1")
    tagger.check("resnet@v0.0.2")
    assert refused(lambda: tagger.check("resnet@v1")) == (
        "'resnet@v1' is not a version of this repository (resnet@vMAJOR.MINOR.PATCH); fix: git tag resnet@v0.0.2"
    )


# Rewritten commits


def amend(tagger: Tagger, message: str = "amended") -> tuple[str, str]:
    old = tagger.model.head()
    tagger.model.git("commit", "-q", "--amend", "-m", message)
    return old, tagger.model.head()


def test_an_automatic_tag_follows_its_commit(tagger: Tagger) -> None:
    tagger.checkpoint("model.bin")
    assert tagger.auto() == ["v0.0"]
    tagger.model.write("model.bin", "better")
    tagger.model.track("model.bin")
    pair = amend(tagger)
    # Git runs post-commit first, which numbers the new commit; post-rewrite follows.
    assert tagger.auto() == ["v0.1"]
    assert tagger.moved(pair) == ["v0.0"]
    assert tagger.model.tags() == ["v0.0"]
    assert tagger.where("v0.0") == pair[1]
    info = tagger.info("v0.0")
    assert info.subject == "v0.0: amended"
    assert [artifact.oid for artifact in info.artifacts] == [tagger.model.md5("model.bin")]
    assert tagger.moved(pair) == []
    tagger.model.git("fsck", "--full", "--strict")


def test_a_published_tag_and_a_users_tag_stay(tagger: Tagger) -> None:
    tagger.checkpoint("model.bin")
    tagger.auto()
    tagger.create("v1.0")
    tag_records.mark_published(tagger.repo, ["v0.0"])
    old, new = amend(tagger)
    assert tagger.moved((old, new)) == ["v1.1"]
    assert [tagger.where(name) for name in ("v0.0", "v1.0", "v1.1")] == [old, old, new]


def test_a_rewritten_commit_that_is_no_checkpoint_gets_none(tagger: Tagger) -> None:
    tagger.checkpoint("model.bin")
    tagger.auto()
    tagger.model.write("notes.txt", "notes")
    tagger.model.git("add", "-A")
    tagger.model.commit("notes")
    assert tagger.moved(amend(tagger)) == []


def test_an_old_commit_without_a_tag(tagger: Tagger) -> None:
    tagger.checkpoint("model.bin")
    assert tagger.moved(amend(tagger)) == ["v0.0"]


def test_a_checkpoint_that_was_taken_back_keeps_its_name(tagger: Tagger) -> None:
    tagger.checkpoint("model.bin")
    tagger.checkpoint("model.bin")
    tagger.auto("HEAD~")
    tagger.auto()
    tagger.model.git("checkout", "-q", "HEAD~", "--", "model.bin.dvc")
    tagger.model.write("notes.txt", "notes")
    tagger.model.git("add", "-A")
    old, new = amend(tagger)
    assert tagger.moved((old, new)) == []
    assert tagger.where("v0.1") == old


def test_a_rebase_moves_each_tag_to_its_commit(tagger: Tagger) -> None:
    base = tagger.model.head()
    olds = [tagger.checkpoint("model.bin", message=f"epoch {number}") for number in range(3)]
    for old in olds:
        tagger.auto(old)
    tagger.model.git("checkout", "-q", "-b", "upstream", base)
    tagger.model.write("notes.txt", "notes")
    tagger.model.git("add", "-A")
    tagger.model.commit("notes")
    tagger.model.git("checkout", "-q", "main")
    tagger.model.git("rebase", "-q", "upstream")
    news = tagger.model.git("rev-list", "--reverse", "upstream..main").lines
    for new in news:
        tagger.auto(new)
    assert tagger.moved(*zip(olds, news, strict=True)) == ["v0.0", "v0.1", "v0.2"]
    assert tagger.model.tags() == ["v0.0", "v0.1", "v0.2"]
    assert [tagger.where(f"v0.{number}") for number in range(3)] == news


def test_a_squash_keeps_the_highest_number(tagger: Tagger) -> None:
    olds = [tagger.checkpoint("model.bin") for _ in range(3)]
    for old in olds:
        tagger.auto(old)
    tagger.model.git("reset", "-q", "--soft", "HEAD~2")
    pair = amend(tagger, "squashed")
    assert tagger.moved(*((old, pair[1]) for old in olds)) == ["v0.2"]
    assert tagger.model.tags() == ["v0.2"]


def test_one_commit_that_cannot_be_tagged_does_not_hold_up_the_others(tagger: Tagger) -> None:
    good = tagger.checkpoint("model.bin")
    tagger.auto()
    _, new = amend(tagger)
    tagger.model.write("extra.dvc", "outs:\n- path: extra\n")
    tagger.model.git("add", "-A")
    bad = tagger.model.commit("no content")
    assert refused(lambda: tagger.moved(("0" * 39 + "1", bad), (good, new))).startswith("extra.dvc: extra has no")
    assert tagger.where("v0.0") == new


# Races


def test_an_automatic_tag_that_lost_a_race_gets_the_next_number(tagger: Tagger) -> None:
    tagger.checkpoint("model.bin")
    tagger.auto()
    tagger.checkpoint("model.bin")
    tagger.auto()
    tagger.create("v0.2")
    tag_records.mark_published(tagger.repo, ["v0.0"])
    ours = ["v0.0", "v0.1", "v0.2", "no-such-tag"]
    assert tags.renumber_tags(tagger.repo, tagger.project, ours, {"v0.1", "v0.5"}) == {"v0.1": "v0.6"}
    assert tagger.model.tags() == ["v0.0", "v0.2", "v0.6"]
    assert tagger.info("v0.6").subject == "v0.6: train"
    assert tagger.info("v0.6").automatic


# Several DVC roots


def test_tags_cover_every_dvc_root(make_repo: MakeRepo) -> None:
    model = make_repo(install=False)
    (model.path / "sub").mkdir()
    model.dvc("init", "-q", "--subdir", cwd="sub")
    model.write("sub/.cpv.toml", '[artifacts]\ndata = ["weird.bin"]\n[tags]\nscheme = "semver"\n')
    model.write("sub/weird.bin", "1")
    model.dvc("add", "-q", "weird.bin", cwd="sub")
    model.git("add", "-A")
    model.commit("below")
    tagger = Tagger(model)
    outer, inner = Project.find_all(tagger.repo)
    for project in (outer, inner):
        tags.create_auto(tagger.repo, checkpoints.roots(tagger.repo, project), "HEAD")
    assert model.tags() == ["data-v0.1.0"]
    tagger.checkpoint("model.bin")
    for project in (outer, inner):
        tags.create_auto(tagger.repo, checkpoints.roots(tagger.repo, project), "HEAD")
    assert model.tags() == ["data-v0.1.0", "v0.0"]
    assert [artifact.path for artifact in tagger.info("v0.0").artifacts] == ["model.bin", "sub/weird.bin"]
    assert [artifact.kind for artifact in tagger.info("v0.0").artifacts] == ["model", "data"]


def test_gto_itself_reads_the_gto_scheme(tagger: Tagger) -> None:
    tagger.model.write(".cpv.toml", SETTINGS + '[tags]\nscheme = "gto"\n')
    tagger.checkpoint("model.bin")
    tagger.auto()
    tagger.checkpoint("model.bin")
    tagger.auto()
    tagger.create("v1.0.0")
    shown = tagger.model.run(BIN / "gto", "show", "--json", "resnet").out
    assert [item["version"] for item in json.loads(shown)] == ["v1.0.0", "v0.0.2", "v0.0.1"]


# Which tags are opened


def test_some_tags_are_read_as_all_of_them_are(tagger: Tagger) -> None:
    tagger.checkpoint("model.bin")
    for number in range(60):
        tagger.model.git("tag", "-m", f"tag {number}", f"v1.{number}")
    tagger.model.git("tag", "v1.1/below", status=None)
    tagger.model.git("tag", "v2")
    tagger.model.git("tag", "v2-more")
    every = {tag.name: tag for tag in tag_refs.read_tags(tagger.repo)}
    assert tag_refs.tagged_commits(tagger.repo) == {name: tag.commit for name, tag in every.items()}
    for names in ({"v2"}, {"v1.1", "v1.10", "absent"}, {*every} - {"v2", "v1.3"}):
        assert {tag.name: tag for tag in tag_refs.read_tags(tagger.repo, names=names)} == {
            name: every[name] for name in names if name in every
        }
    assert tag_refs.read_tags(tagger.repo, names=()) == []


def test_a_push_opens_no_tag_that_is_published(tagger: Tagger) -> None:
    tagger.checkpoint("model.bin")
    (old,) = tagger.auto()
    tag_records.mark_published(tagger.repo, [old])
    tagger.checkpoint("model.bin")
    (new,) = tagger.auto()
    oid = tagger.model.git("rev-parse", old).out.strip()
    (tagger.model.path / ".git/objects" / oid[:2] / oid[2:]).unlink()
    head = tagger.model.head()
    assert [tag.name for tag in lost_races.unpublished_tags(tagger.repo, {head})] == [new]
    assert [tag.name for tag in lost_races.unpublished_tags(tagger.repo, names={old, new})] == [new]
