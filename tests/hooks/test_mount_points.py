"""What is mounted below a folder, as the kernel tells it."""

from __future__ import annotations

from pathlib import Path

from cpv_hooks.system.mount_points import mount_of, mounts_below
from support import mounts


def test_what_is_mounted_below_a_folder(tmp_path: Path) -> None:
    odd = tmp_path / "of\todd \\ name"
    odd.mkdir()
    assert mounts_below(tmp_path) == []
    with mounts.bound(odd), mounts.small_disk(odd / "inner", "1m"):
        found = mounts_below(tmp_path)
        assert sorted(found) == [str(odd), str(odd / "inner")]
        assert mounts_below(odd) == [str(odd / "inner")]
        assert mount_of(odd / "inner/file", found) == mount_of(odd / "inner", found) == str(odd / "inner")
        assert mount_of(odd / "inner2", found) == str(odd)
        assert mount_of(tmp_path / "file", found) == ""
    assert mounts_below(tmp_path) == []
