"""Names as long as `dvc add` takes them: the pointer's name has 255 bytes."""

from __future__ import annotations

import pytest
from conftest import MakeRepo

from cpv_hooks.system.folder_names import folder_name
from support.repos import SETTINGS

LETTERS = {"a": "a", "u": "\u00fc"}


@pytest.mark.compatibility("Git layouts", "spaces, quotes, newlines in names, and names up to the file system's limit")
@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize("isdir", [False, True])
def test_an_artifact_with_the_longest_name(make_repo: MakeRepo, letter: str, isdir: bool) -> None:
    length = 251
    name = (LETTERS[letter] * length).encode()[:length].decode("utf-8", "ignore").ljust(1)
    name += "x" * (length - len(name.encode()))
    repo = make_repo(settings=SETTINGS + f'[artifacts]\nmodel = ["{name}"]\n')
    inner = f"{name}/{'b' * 255}" if isdir else name
    for text in ("one", "two"):
        repo.write(inner, text)
        repo.commit(text)
    assert repo.changes() == []
    assert repo.dvc("status", "-q").text == ""
    repo.git("checkout", "-q", "HEAD^")
    assert repo.read(inner) == b"one"
    repo.write(inner, "three")
    repo.git("checkout", "-q", "-f", "main")
    assert repo.read(inner) == b"two"
    number = repo.cpv("rescue", "list").out.split("\t")[0]
    repo.cpv("rescue", "restore", number)
    assert repo.read(inner) == b"three"


def test_a_download_to_the_longest_name(make_repo: MakeRepo) -> None:
    repo = make_repo(settings=SETTINGS + '[artifacts]\nmodel = ["model.bin"]\n', files={"model.bin": "one"})
    output = repo.path.parent / ("o" * 255)
    repo.cpv("model", "download", "--output", str(output))
    assert (output / "model.bin").read_bytes() == b"one"


@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize("length", [233, 234, 251, 255])
def test_what_stands_in_the_place_of_a_download_with_a_long_name(make_repo: MakeRepo, letter: str, length: int) -> None:
    """It is kept under a name of its own, and again under another."""
    repo = make_repo(settings=SETTINGS + '[artifacts]\nmodel = ["model.bin"]\n', files={"model.bin": "one"})
    name = (LETTERS[letter] * length).encode()[:length].decode("utf-8", "ignore")
    output = repo.path.parent / "out" / (name + "x" * (length - len(name.encode())))
    output.parent.mkdir()
    for text in ("first", "second"):
        output.write_text(text)
        repo.cpv("model", "download", "--output", str(output), "--force")
        assert (output / "model.bin").read_bytes() == b"one"
        output.rename(repo.path.parent / f"done-{text}")
    kept = [path for path in output.parent.iterdir() if path.is_file()]
    assert sorted(path.read_text() for path in kept) == ["first", "second"]
    assert all(".before-v0.0" in path.name for path in kept)


def test_folders_of_our_own_have_short_names() -> None:
    """A clone's, for example, around which a lock and temporaries get longer ones."""
    names = [folder_name(letter * count) for letter in ("a", "\u00fc") for count in (160, 161, 255, 5000)]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= 160
    assert folder_name("a" * 160) == "a" * 160
