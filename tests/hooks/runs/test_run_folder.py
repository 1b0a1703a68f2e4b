"""A run's folder: what the job does in it, and what it leaves to the background process."""

from __future__ import annotations

import time
from pathlib import Path

from cpv_hooks.runs.run_folder import RunFolder


def save(folder: RunFolder, step: int) -> list[int]:
    files = folder.start_saving(step)
    (files / "model.bin").write_bytes(b"weights")
    return folder.finish_saving(files, step, {"step": step})


def test_the_bytes_of_a_skipped_checkpoint_are_not_the_jobs_to_remove(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run", "run")
    assert save(folder, 0) == []
    folder.claim(folder.left()[0])
    assert save(folder, 1) == []
    with folder.working():
        assert save(folder, 2) == [1]
        assert [one.step for one in folder.left()] == [0, 2]
        while list(folder.path.glob("saving-*")):
            time.sleep(0.01)
    assert save(folder, 3) == [2]
    (skipped,) = folder.path.glob("saving-*")
    assert (skipped / "files/model.bin").read_bytes() == b"weights"
    with folder.working():
        pass
    assert list(folder.path.glob("saving-*")) == []
