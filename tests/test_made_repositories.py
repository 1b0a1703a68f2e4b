"""The repositories that tests begin in are copies of what DVC made, and nothing tells them from it."""

from __future__ import annotations

from pathlib import Path

from conftest import MakeRepo

from support.shell import Shell

FILES = {"model.bin": b"weights", "data/a": "1", "data/deep/b": "2", "metrics.log": "loss=1\n"}


def _files(shell: Shell) -> dict[str, tuple[int, bytes]]:
    """Path -> mode and content of each file, Git's own and the numbers of processes left out."""
    paths = [
        path for path in shell.path.rglob("*") if path.is_file() and path.relative_to(shell.path).parts[0] != ".git"
    ]
    return {
        path.relative_to(shell.path).as_posix(): (
            path.stat().st_mode,
            b"" if "lock" in path.name else path.read_bytes(),
        )
        for path in paths
    }


def test_files_are_as_dvc_adds_them(make_repo: MakeRepo, tmp_path: Path) -> None:
    begin = tmp_path / "begin"
    begin.touch()
    made = [make_repo(name, files=FILES, install=False) for name in ("first", "second")]
    own = make_repo("own", install=False)
    for name, content in FILES.items():
        own.write(name, content)
    own.track("data", "metrics.log", "model.bin")
    own.commit("second")
    expected = _files(own)
    assert len([name for name in expected if "/cache/" in name]) == len(FILES) + 1
    assert [_files(repo) for repo in made] == [expected, expected]
    new = (*FILES, ".gitignore", "model.bin.dvc", "data.dvc")
    for repo in made:
        assert repo.git("ls-files", "--stage").out == own.git("ls-files", "--stage").out
        assert repo.changes() == []
        assert all(path.stat().st_mtime >= begin.stat().st_mtime for path in (repo.path / name for name in new))
        assert repo.dvc("status").out == own.dvc("status").out
