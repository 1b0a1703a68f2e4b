"""Names as long as `dvc add` takes them: the pointer's name has 255 bytes."""

from __future__ import annotations

import pytest
from conftest import MakeRepo

from support.repos import SETTINGS

LETTERS = {"a": "a", "u": "\u00fc"}


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
