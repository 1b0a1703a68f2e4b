"""What of a directory DVC leaves out, compared with what `dvc add` takes."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpv_hooks.dvcformat.dvcignore import _dvc_filter, filter_for, is_dvcignored
from cpv_hooks.errors import CPVError
from cpv_hooks.system.signatures import list_directory
from support.shell import Shell


@pytest.fixture
def dvc_shell(shell: Shell) -> Shell:
    shell.git("init", "-q")
    shell.dvc("init", "-q")
    for name in ["data/a.csv", "data/b.tmp", "data/sub/c.tmp", "data/sub/d.csv", "data/logs/e", "data/.hidden"]:
        shell.write(name, name)
    return shell


def ours(shell: Shell, artifact: str = "data") -> list[str]:
    path = shell.path / artifact
    return list(list_directory(path, filter_for(shell.path, path)).names)


def theirs(shell: Shell, artifact: str = "data") -> list[str]:
    shell.dvc("add", "-q", artifact)
    oid = next(line.split()[-1] for line in shell.read(f"{artifact}.dvc").decode().splitlines() if ".dir" in line)
    listed = json.loads((shell.path / ".dvc/cache/files/md5" / oid[:2] / oid[2:]).read_text())
    return sorted(entry["relpath"] for entry in listed)


def test_without_patterns_all_is_taken(dvc_shell: Shell) -> None:
    assert ours(dvc_shell) == theirs(dvc_shell)
    dvc_shell.write(".dvcignore", "# only a comment\n\n")
    assert len(ours(dvc_shell)) == 6


@pytest.mark.parametrize(
    "patterns",
    [
        "*.tmp\n",
        "*.tmp\n!c.tmp\n",
        "data/logs\n",
        "logs/\n",
        "/data/sub/*.csv\n",
        ".*\n",
        "**/c.*\n",
        "\\#x\n*.csv \n",
        "*\n!data\n!data/**\n*.tmp\n",
        "*.tmp\n__pycache__/\n?.csv\nlogs/\n.h*n\n",
        "logs\n.tmp\na/\n\x0bd.*\n",
    ],
)
def test_patterns_mean_what_they_mean_to_dvc(dvc_shell: Shell, patterns: str) -> None:
    dvc_shell.write(".dvcignore", patterns)
    assert ours(dvc_shell) == theirs(dvc_shell)


WORDS = st.text("ab.*?# -é", min_size=1, max_size=4)
NAMES = st.lists(st.text("ab.# -é\n", min_size=1, max_size=4).filter(lambda name: name not in (".", "..")), max_size=4)


@given(st.lists(st.tuples(WORDS, st.sampled_from(("", "/"))), min_size=1, max_size=4), NAMES, NAMES, NAMES)
def test_names_are_matched_as_dvc_matches_them(
    patterns: list[tuple[str, str]], inside: list[str], folders: list[str], files: list[str]
) -> None:
    """Without its import, for patterns that a name alone matches; whether the folder above is left out counts too."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / ".dvcignore").write_text("".join(f"{word}{end}\n" for word, end in patterns))
        folder = "/".join((name, *inside))
        assert filter_for(root, root / "data")(folder, folders, files) == _dvc_filter(root)(folder, folders, files)


def test_folders_of_git_dvc_and_mercurial_are_never_content(dvc_shell: Shell) -> None:
    for name in ["data/.git/config", "data/x/.hg/store", "data/y/.dvc/config", "data/y/in-another-root"]:
        dvc_shell.write(name, "x")
    assert ours(dvc_shell) == ["a.csv", "b.tmp", ".hidden", "logs/e", "sub/c.tmp", "sub/d.csv"] or ours(
        dvc_shell
    ) == sorted([".hidden", "a.csv", "b.tmp", "logs/e", "sub/c.tmp", "sub/d.csv"])


def test_a_git_file_in_a_checked_out_submodule_is_left_out(dvc_shell: Shell) -> None:
    dvc_shell.write("data/sub/.git", "gitdir: /elsewhere\n")
    assert "sub/.git" not in ours(dvc_shell)


def test_patterns_of_a_folder_above_count(dvc_shell: Shell) -> None:
    dvc_shell.write("nested/deep/data/a.tmp", "1")
    dvc_shell.write("nested/deep/data/a.csv", "1")
    dvc_shell.write("nested/.dvcignore", "*.tmp\n")
    assert ours(dvc_shell, "nested/deep/data") == ["a.csv"] == theirs(dvc_shell, "nested/deep/data")


@pytest.mark.parametrize("patterns", ["", "*.tmp\n"])
def test_an_ignore_file_inside_an_artifact_is_refused_as_dvc_refuses_it(dvc_shell: Shell, patterns: str) -> None:
    dvc_shell.write(".dvcignore", patterns)
    dvc_shell.write("data/sub/.dvcignore", "*.csv\n")
    assert dvc_shell.dvc("add", "data", status=None).status != 0
    with pytest.raises(CPVError, match=r"\.dvcignore inside an artifact") as caught:
        ours(dvc_shell)
    assert "data/sub/.dvcignore" in str(caught.value)
    assert str(caught.value).endswith("; fix: move its lines to the .dvcignore at the DVC root")


def test_an_ignored_artifact(dvc_shell: Shell) -> None:
    dvc_shell.write("model.tmp", "1")
    assert not is_dvcignored(dvc_shell.path, dvc_shell.path / "model.tmp")
    dvc_shell.write(".dvcignore", "*.tmp\nlogs\n")
    assert is_dvcignored(dvc_shell.path, dvc_shell.path / "model.tmp")
    assert is_dvcignored(dvc_shell.path, dvc_shell.path / "data/logs")
    assert not is_dvcignored(dvc_shell.path, dvc_shell.path / "data")


def test_an_ignore_file_that_is_not_text(dvc_shell: Shell) -> None:
    dvc_shell.write(".dvcignore", b"\xff\xfe\n*.tmp\n")
    with pytest.raises(CPVError, match=r"\.dvcignore"):
        ours(dvc_shell)


def test_the_root_is_found_by_its_real_path(dvc_shell: Shell, tmp_path: Path) -> None:
    dvc_shell.write(".dvcignore", "*.tmp\n")
    link = tmp_path.parent / f"{tmp_path.name}-link"
    link.symlink_to(dvc_shell.path)
    found = list(list_directory(link / "data", filter_for(link, link / "data")).names)
    assert found == ours(dvc_shell)
