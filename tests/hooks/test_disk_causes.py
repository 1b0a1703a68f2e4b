"""A disk that refuses: each errno has its own cause and its own command, in one line."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import pytest

from cpv_hooks.console.output import EXIT_BUG, EXIT_ERROR, fail
from cpv_hooks.errors import DISK_FAULTS, disk_error
from cpv_hooks.system.threads import affordable, each


def line(number: int, where: Path) -> str:
    return str(disk_error(OSError(number, os.strerror(number)), where))


def test_each_cause_has_its_own_command(tmp_path: Path) -> None:
    path, then = tmp_path / "data" / "a b", ", then repeat the command"
    path.parent.mkdir()
    path.write_bytes(b"x")
    folder = path.parent
    assert {number: line(number, path) for number in sorted(DISK_FAULTS - {errno.EMFILE})} == {
        errno.EPERM: f"{path}: no permission to write; "
        f"fix: lsattr -d '{path}' (sudo chattr -i makes it changeable){then}",
        errno.EIO: f"{path}: the disk reports an input/output error; fix: look at the disk (sudo dmesg | tail){then}",
        errno.ENOMEM: f"{path}: no memory left; fix: end other programs (free -h){then}",
        errno.EACCES: f"{path}: no permission to write; "
        f"fix: lsattr -d '{path}' (sudo chattr -i makes it changeable){then}",
        errno.EBUSY: f"{path}: in use by another program; fix: end that (fuser -v '{path}'){then}",
        errno.EISDIR: f"{path}: there is a folder where a file should be; fix: mv '{path}' to another place{then}",
        errno.ENOTDIR: f"{path}: there is a file where a folder should be; fix: mv '{path}' to another place{then}",
        errno.ENFILE: f"{path}: too many files are open on this machine; fix: sudo sysctl fs.file-max=1000000{then}",
        errno.ETXTBSY: f"{path}: in use by another program; fix: end that (fuser -v '{path}'){then}",
        errno.EFBIG: f"{path}: larger than a file may be here; "
        f"fix: ulimit -f unlimited, or use a file system for larger files{then}",
        errno.ENOSPC: f"{path}: no space left on the disk; "
        f"fix: free space there (df -h {folder}; df -i {folder}){then}",
        errno.EROFS: f"{path}: the file system is read-only; "
        f"fix: mount it writable (findmnt -T {folder} names it){then}",
        errno.EMLINK: f"{path}: it has as many hard links as the file system allows; "
        f"fix: dvc config cache.type reflink,copy{then}",
        errno.ENAMETOOLONG: f"{path}: the name is too long for the file system; "
        f"fix: shorten it (getconf NAME_MAX {folder}){then}",
        errno.ELOOP: f"{path}: a symbolic link that leads to itself; fix: rm '{path}'{then}",
        errno.ENOLCK: f"{path}: the network file system has no locks; "
        f"fix: mount it with local_lock=flock, or start lockd (findmnt -T {folder} names it){then}",
        errno.ESTALE: f"{path}: the network file system does not know it any more (stale file handle); "
        f"fix: mount it again (findmnt -T {folder} names it){then}",
        errno.EDQUOT: f"{path}: the disk quota is used up; fix: free space (quota -s says how much){then}",
    }


def test_what_is_none_of_them_is_said_as_the_system_says_it(tmp_path: Path) -> None:
    assert line(errno.ENOTTY, tmp_path) == f"{tmp_path}: Inappropriate ioctl for device; fix: repeat the command"


def test_a_place_that_is_not_there_yet(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "link").symlink_to("link")
    assert f"df -h {tmp_path};" in line(errno.ENOSPC, tmp_path / "x/y/z")
    assert f"mv {tmp_path}/file to another place" in line(errno.ENOTDIR, tmp_path / "file/y/z")
    assert f"mv {tmp_path}/file to another place" in line(errno.EEXIST, tmp_path / "file")
    assert f"rm {tmp_path}/link" in line(errno.ELOOP, tmp_path / "link/y")
    (tmp_path / "away").symlink_to("/mnt/gone/cache")
    for number in (errno.ENOENT, errno.EEXIST, errno.ENOTDIR):
        said = "a link to /mnt/gone/cache, which is not there; fix: mount the disk of /mnt/gone/cache"
        assert f"{tmp_path}/away: {said}" in line(number, tmp_path / "away/files")


@pytest.mark.parametrize("is_ours", [True, False])
@pytest.mark.parametrize(
    ("closed", "way", "said"),
    [
        ("home", os.X_OK, "{0}/home: no permission to look into it; fix: chmod u+x {0}/home"),
        ("home/file", os.R_OK, "{0}/home/file: no permission to read it; fix: chmod u+r {0}/home/file"),
        ("home/folder", os.R_OK, "{0}/home/folder: no permission to read it; fix: chmod u+rx {0}/home/folder"),
        ("home", os.W_OK, "{0}/home/file: no permission to write; fix: chmod u+wx {0}/home"),
        ("home/file", os.W_OK, "{0}/home/file: no permission to write; fix: chmod u+w {0}/home/file"),
    ],
)
def test_permissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str, way: int, said: str, is_ours: bool
) -> None:
    """The tests run as root, who may do anything: what `access` says is a failure that is played."""
    (tmp_path / "home/folder").mkdir(parents=True)
    (tmp_path / "home/file").write_bytes(b"")
    monkeypatch.setattr(os, "access", lambda path, mode: not (Path(path) == tmp_path / closed and mode & way))
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() if is_ours else 12345)
    place = tmp_path / (closed if closed != "home" else "home/file")
    expected = said.format(tmp_path)
    if not is_ours:
        expected = f'{expected.partition("; fix:")[0]}; fix: sudo chown "$USER" {tmp_path / closed}'
    assert line(errno.EACCES, place) == f"{expected}, then repeat the command"


def test_too_many_open_files(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 1 << 20))
    assert fail(OSError(errno.EMFILE, os.strerror(errno.EMFILE))) == EXIT_ERROR
    said = "cpv: too many open files for this process (ulimit -n is 64); "
    assert capfd.readouterr().err == f"{said}fix: ulimit -n 4096, then repeat the command\n"
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 64))
    fail(OSError(errno.EMFILE, os.strerror(errno.EMFILE)))
    fix = "fix: sudo prlimit --pid $$ --nofile=4096, then repeat the command"
    assert capfd.readouterr().err == f"{said}{fix}\n"


def test_no_fault_of_a_disk_is_a_bug(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for number in DISK_FAULTS:
        assert fail(OSError(number, os.strerror(number), str(tmp_path))) == EXIT_ERROR
    assert "bug" not in capfd.readouterr().err
    assert fail(OSError(errno.EINVAL, "x")) == EXIT_BUG


def test_threads_are_as_many_as_open_files_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    used = len(os.listdir("/proc/self/fd"))
    for limit, most in ((used + 16 + 9, 3), (used + 16 + 30, 10), (used, 1), (1 << 20, 64)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, limit=limit: (limit, limit))
        assert most - 1 <= affordable(64) <= most
        done: list[int] = []
        each(done.append, range(100), 64)
        assert sorted(done) == list(range(100))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    assert affordable(64) == 64
