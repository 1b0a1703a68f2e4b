"""Large objects whose way to S3 or back was stopped: what is there already is not sent again."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from cpv_hooks.console.progress import Progress
from cpv_hooks.console.trace import Level, listening
from cpv_hooks.remote.common.inventory import temporary_files
from cpv_hooks.remote.common.protocol import Blob, CorruptObject
from cpv_hooks.remote.s3 import s3_download as s3_download
from cpv_hooks.remote.s3 import s3_remote
from cpv_hooks.remote.s3.file_parts import PART
from cpv_hooks.remote.s3.resumable_uploads import Unfinished
from cpv_hooks.remote.s3.s3_download import LARGE, RANGE
from cpv_hooks.remote.s3.s3_remote import S3Remote
from support.seaweed import Server

SIZE = 2 * PART + LARGE // 2
PARTS = 3


class Stopped(Exception):
    """What ends a transfer in these tests."""


class Place:
    """A bucket, a remote into it with its memory on this disk, and one large object."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.bucket = server.make_bucket()
        self.options = {
            "endpointurl": server.endpoint_url,
            "access_key_id": server.access_key,
            "secret_access_key": server.secret_key,
            "region": server.region,
        }
        data = os.urandom(1 << 20) * (SIZE >> 20)
        oid = hashlib.md5(data).hexdigest()
        (folder / oid).write_bytes(data)
        self.blob = Blob(oid, folder / oid, len(data))
        self.data = data
        self.out = folder / "cache" / "out"

    @property
    def arguments(self) -> dict[str, Any]:
        return {
            "url": f"s3://{self.bucket}/team",
            "options": self.options,
            "name": "storage",
            "unfinished": self.folder / "uploads",
            "partials": self.folder / "cache",
        }

    def remote(self, **options: str) -> S3Remote:
        return S3Remote(**{**self.arguments, "options": {**self.options, **options}})

    def store(self, data: bytes) -> None:
        self.server.client().put_object(Bucket=self.bucket, Key=self.remote().key(self.blob.oid), Body=data)

    def stored(self) -> bytes:
        found: bytes = (
            self.server.client().get_object(Bucket=self.bucket, Key=self.remote().key(self.blob.oid))["Body"].read()
        )
        return found

    def unfinished(self) -> list[str]:
        uploads = self.server.client().list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        return [str(upload["UploadId"]) for upload in uploads]

    def notes(self) -> list[Path]:
        return list((self.folder / "uploads").iterdir())

    def partials(self) -> list[Path]:
        return list((self.folder / "cache").glob("*.cpv-tmp"))

    def upload(self, **options: str) -> int:
        """Upload, check what is there, and return how many parts were sent."""
        with counting("partNumber=") as seen:
            self.remote(**options).upload([self.blob], Progress("uploading"))
        assert self.stored() == self.data
        assert (self.unfinished(), self.notes()) == ([], [])
        return len(seen)

    def download(self) -> int:
        """Download, check what came, and return how many ranges were asked for."""
        progress = Progress("fetching")
        with counting("GET", "/files/md5/") as seen:
            self.remote().download(self.blob.oid, self.out, progress)
        assert self.out.read_bytes() == self.data
        assert progress.done == progress.total == SIZE
        assert self.partials() == []
        return len(seen) - 1  # the first one asks for the whole, and is given up once that is known to be large

    def killed(self, what: str, request: int, call: str) -> None:
        """Run a transfer in a process of its own that kills itself when it is about to make its nth request."""
        script = _KILLED.format(arguments=json.dumps(self.arguments, default=str), what=what, request=request)
        blob = [self.blob.oid, str(self.blob.path), str(self.blob.size)]
        ended = subprocess.run(
            [sys.executable, "-c", script + call, *blob, str(self.out)], capture_output=True, check=False
        )
        assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


_KILLED = """
import json, os, signal, sys
from pathlib import Path
from cpv_hooks.console.progress import Progress
from cpv_hooks.remote.common.protocol import Blob
from cpv_hooks.remote.s3 import s3_download as s3_download, s3_remote as s3
from cpv_hooks.remote.s3.s3_remote import S3Remote
from cpv_hooks.console.trace import listening
arguments = json.loads('{arguments}')
for key in ("unfinished", "partials"):
    arguments[key] = Path(arguments[key])
blob, out = Blob(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])), Path(sys.argv[4])
s3.LARGE_THREADS = s3_download.RANGES = 1
seen = []
def listen(level, text):
    seen.extend([text] if "{what}" in text else [])
    if len(seen) == {request}:
        os.kill(os.getpid(), signal.SIGKILL)
with listening(listen):
    """


@contextmanager
def counting(*words: str) -> Iterator[list[str]]:
    """The requests that were made in a block and have these words in them."""
    seen: list[str] = []

    def listen(level: Level, text: str) -> None:
        seen.extend([text] if all(word in text for word in words) else [])

    with listening(listen):
        yield seen


@contextmanager
def stopping(word: str, request: int) -> Iterator[None]:
    """Let the nth request with this word fail before it is made."""
    seen: list[str] = []

    def listen(level: Level, text: str) -> None:
        if word in text:
            seen.append(text)
            if len(seen) == request:
                raise Stopped

    with listening(listen), pytest.raises(Stopped):
        yield


@pytest.fixture
def place(s3_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(s3_remote, "LARGE_THREADS", 1)
    return Place(s3_server, tmp_path)


def stop_upload(place: Place) -> None:
    """Leave an upload with all but its last part."""
    with stopping("partNumber=", PARTS):
        place.remote().upload([place.blob], Progress("uploading"))
    assert len(place.unfinished()) == len(place.notes()) == 1


# Up


def test_a_killed_upload_goes_on(place: Place) -> None:
    place.killed("partNumber=", PARTS, 'S3Remote(**arguments).upload([blob], Progress("uploading"))')
    assert len(place.unfinished()) == 1
    (note,) = place.notes()
    assert place.server.secret_key not in note.read_text()
    assert place.upload() == 1


def test_an_upload_that_fails_keeps_its_parts(place: Place) -> None:
    stop_upload(place)
    assert place.upload() == 1
    assert place.upload() == PARTS  # nothing of it is remembered


def test_an_upload_that_was_removed_is_begun_anew(place: Place) -> None:
    stop_upload(place)
    (upload_id,) = place.unfinished()
    key = place.remote().key(place.blob.oid)
    place.server.client().abort_multipart_upload(Bucket=place.bucket, Key=key, UploadId=upload_id)
    assert place.upload() == PARTS


def test_an_upload_that_is_removed_meanwhile_is_begun_anew(place: Place) -> None:
    key, client, seen = place.remote().key(place.blob.oid), place.server.client(), list[str]()

    def listen(level: Level, text: str) -> None:
        seen.extend([text] if "partNumber=" in text else [])
        if len(seen) == 2:
            seen.append("removed")
            (upload_id,) = place.unfinished()
            client.abort_multipart_upload(Bucket=place.bucket, Key=key, UploadId=upload_id)

    progress = Progress("uploading")
    with listening(listen):
        place.remote().upload([place.blob], progress)
    assert place.stored() == place.data
    assert progress.done == progress.total == SIZE
    assert (place.unfinished(), place.notes()) == ([], [])


def test_an_upload_with_other_parameters_is_not_gone_on_with(place: Place) -> None:
    stop_upload(place)
    assert place.upload(acl="private") == PARTS


def test_a_part_that_is_not_what_it_should_be_is_sent_again(place: Place) -> None:
    stop_upload(place)
    (upload_id,) = place.unfinished()
    place.server.client().upload_part(
        Bucket=place.bucket,
        Key=place.remote().key(place.blob.oid),
        UploadId=upload_id,
        PartNumber=1,
        Body=b"x" * PART,
    )
    assert place.upload() <= 2  # this server may keep both, and takes the one that is named in the end


def test_a_corrupt_object_is_not_gone_on_with(place: Place) -> None:
    stop_upload(place)
    place.blob.path.write_bytes(b"x" * SIZE)
    with pytest.raises(CorruptObject, match=f"object {place.blob.oid} is corrupt"):
        place.remote().upload([place.blob], Progress("uploading"))
    assert (place.unfinished(), place.notes()) == ([], [])


def test_a_damaged_note_is_passed_over(place: Place) -> None:
    stop_upload(place)
    place.notes()[0].write_text('{"upload": ')
    with counting("partNumber=") as seen:
        place.remote().upload([place.blob], Progress("uploading"))
    assert len(seen) == PARTS
    assert place.stored() == place.data
    assert place.notes() == []


def test_two_at_once_do_not_share_an_upload(place: Place) -> None:
    remotes = [place.remote(), place.remote()]
    with counting("?uploads") as begun:
        workers = [
            threading.Thread(target=remote.upload, args=([place.blob], Progress("uploading"))) for remote in remotes
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert len(begun) == 2
    assert place.stored() == place.data
    assert (place.unfinished(), place.notes()) == ([], [])


def test_a_note_has_one_holder(tmp_path: Path) -> None:
    notes = Unfinished(tmp_path / "uploads")
    with notes.claim("remote", "key", "oid") as first, notes.claim("remote", "key", "oid") as second:
        assert (first.is_kept, second.is_kept) == (True, False)
        first.write("id", "parameters")
        second.write("other", "parameters")
        assert second.upload("parameters") == (None, None)
    with notes.claim("remote", "key", "oid") as third:
        assert third.upload("parameters") == ("id", None)
        assert third.upload("others") == (None, "id")
        third.clear()
    assert list((tmp_path / "uploads").iterdir()) == []


def test_old_notes_go(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_text("{}")
    os.utime(old, (time.time() - 40 * 86400,) * 2)
    with Unfinished(tmp_path).claim("x"):
        assert not old.exists()


def test_a_disk_that_takes_no_note(place: Place) -> None:
    (place.folder / "uploads").write_text("a file")
    with stopping("partNumber=", PARTS):
        place.remote().upload([place.blob], Progress("uploading"))
    assert place.unfinished() == []  # nobody could go on with it
    place.remote().upload([place.blob], Progress("uploading"))
    assert place.stored() == place.data


# Down


def test_a_killed_download_goes_on(place: Place) -> None:
    place.store(place.data)
    place.killed("GET", 6, 'S3Remote(**arguments).download(blob.oid, out, Progress("fetching"))')
    (partial,) = place.partials()
    here = partial.stat().st_size
    assert 0 < here < SIZE and here % RANGE == 0
    assert partial.name.startswith(place.blob.oid)
    assert [path for path, _ in temporary_files(partial.parent, time.time() + 60)] == [partial]
    assert place.download() == (SIZE - here) // RANGE


def stop_download(place: Place) -> Path:
    """Leave a download with some of its ranges, which come one after the other."""
    with patch.object(s3_download, "RANGES", 1), stopping("/files/md5/", 5):
        place.remote().download(place.blob.oid, place.out, Progress("fetching"))
    (partial,) = place.partials()
    return partial


def test_a_download_that_fails_keeps_what_came(place: Place) -> None:
    place.store(place.data)
    here = stop_download(place).stat().st_size
    assert 0 < here < SIZE
    assert place.download() == (SIZE - here) // RANGE


@pytest.mark.parametrize("damaged", [b"x" * RANGE, b"x" * (SIZE + 1)], ids=["other bytes", "too long"])
def test_what_is_here_and_wrong_is_fetched_anew(place: Place, damaged: bytes) -> None:
    place.store(place.data)
    stop_download(place).write_bytes(damaged)
    assert place.download() >= SIZE // RANGE


def test_a_large_object_that_is_corrupt_leaves_nothing(place: Place) -> None:
    place.store(b"x" + place.data[1:])
    with pytest.raises(CorruptObject, match=f"object {place.blob.oid} is corrupt"):
        place.remote().download(place.blob.oid, place.out, Progress("fetching"))
    assert list((place.folder / "cache").iterdir()) == []


def test_an_object_that_was_replaced_is_another_one(place: Place) -> None:
    place.store(b"x" + place.data[1:])
    stop_download(place)
    place.store(place.data)
    progress = Progress("fetching")
    place.remote().download(place.blob.oid, place.out, progress)
    assert place.out.read_bytes() == place.data
    assert len(place.partials()) == 1  # the other one's, which prune removes


def test_two_downloads_at_once_do_not_share_a_file(place: Place) -> None:
    place.store(place.data)
    remotes = {place.remote(): place.out.with_name(name) for name in ("one", "two")}
    workers = [
        threading.Thread(target=remote.download, args=(place.blob.oid, to, Progress("fetching")))
        for remote, to in remotes.items()
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(to.read_bytes() == place.data for to in remotes.values())
    assert place.partials() == []


def test_nothing_is_kept_in_other_folders(place: Place) -> None:
    place.store(place.data)
    to = place.folder / "elsewhere" / "model.bin"
    with stopping("/files/md5/", 5):
        place.remote().download(place.blob.oid, to, Progress("fetching"))
    assert list(to.parent.iterdir()) == []
