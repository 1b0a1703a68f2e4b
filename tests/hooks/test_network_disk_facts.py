"""What is known of a disk by the list of mounts and by the names of files, as the kernel writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cpv_hooks.system.network_disks import is_hidden, of_mounts, remembered

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:31 / /home rw shared:9 master:2 - nfs4 files:/home rw,vers=4.2,hard,proto=tcp
31 22 0:32 / /scratch\\040x rw - nfs files:/scratch rw,vers=3,acregmin=5,acregmax=600,acdirmax=90
32 22 0:33 / /near rw - nfs files:/near rw,acregmax=3,acdirmax=3
33 22 0:34 / /data rw,nosuid - fuse.sshfs ada@host:/data rw,user_id=0
34 22 8:2 / /windows rw - fuseblk /dev/sda2 rw
35 22 0:35 / /run rw - tmpfs tmpfs
"""


@pytest.mark.parametrize(
    ("device", "seconds"),
    [("8:1", 0), ("0:31", 60), ("0:32", 600), ("0:33", 60), ("0:34", 60), ("8:2", 0), ("0:35", 0), ("9:9", 0)],
)
def test_how_long_a_status_may_be_an_old_one(device: str, seconds: int) -> None:
    assert of_mounts(MOUNTS, device) == seconds * 1_000_000_000


def test_a_disk_of_this_machine(tmp_path: Path) -> None:
    assert (remembered(tmp_path), remembered(tmp_path / "not there")) == (0, 0)


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        (".nfs000000000123456700000abc", True),
        (".fuse_hidden0000004200000001", True),
        (".nfs", False),
        (".nfsmount.conf", False),
        (".nfs000000000123456700000ABC.bin", False),
        ("nfs000000000123456700000abc", False),
    ],
)
def test_files_that_are_there_until_somebody_closes_them(name: str, hidden: bool) -> None:
    assert is_hidden(name) is hidden
