"""Every object of some versions, compared with the cache (its bytes are read) and with the remote.

Of the remote presence and size are compared, and the checksum where the remote has one; `deep` reads the bytes. What
the remote's own checksum, or the size of a whole directory, makes doubtful is read in any case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.cache import Cache
from cpv_hooks.dvcformat.directory_object import is_dir_oid
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.project.expected import by_hash_rule, on_each
from cpv_hooks.project.project import Project, root_key
from cpv_hooks.remote.common.inventory import Seen
from cpv_hooks.remote.common.protocol import CorruptObject, MissingObject, Remote
from cpv_hooks.system.threads import each
from cpv_hooks.transfer.objects.open import refuse_vanished, seen_on
from cpv_hooks.transfer.objects.store import Listing, Store
from cpv_hooks.transfer.objects.upload_queue import Queue
from cpv_hooks.upkeep.verify.cache_check import check_in_cache
from cpv_hooks.upkeep.verify.checked import BAD, Checked, State, VerifyReport
from cpv_hooks.upkeep.verify.needs import Kept, VersionNeed, WantedObject, distinct, uncommitted_contents, wanted

_READ_THREADS = 8


def verify(
    project: Project,
    commits: Mapping[str, Sequence[str]],
    progress: Progress,
    *,
    deep: bool = False,
    kept: Mapping[str, Kept] | None = None,
) -> VerifyReport:
    """Look at all that these commits (commit -> names) need; with `kept` also at what nobody published.

    Changes nothing but the record of what is on the remote.

    A remote that fails, and a pointer that cannot be read, are lines in the report's `trouble`.
    """
    names = list(dict.fromkeys(name for names in commits.values() for name in names))
    found, errors = wanted(project, commits, kept or {})
    if kept is not None:
        known = {_content(item) for item in found}
        found += [item for item in uncommitted_contents(project) if item.here or _content(item) not in known]
    report = VerifyReport(root_key(project), None, names, trouble=[str(error) for error in errors])

    def look(at: Project, pointers: Sequence[Pointer]) -> None:
        for legacy, group in by_hash_rule(pointers):
            _Layout(at, report, progress, legacy, deep).look([by_pointer[id(pointer)] for pointer in group])

    by_pointer = {id(item.pointer): item for item in found}
    try:
        on_each(project, [item.pointer for item in found], look)
    except CPVError as error:
        report.trouble.append(str(error))
    return report


def _content(item: WantedObject) -> tuple[str, str, bool]:
    return item.pointer.path, item.oid, item.pointer.legacy


class _Layout:
    """The objects of one remote and one of DVC's two layouts."""

    def __init__(self, project: Project, report: VerifyReport, progress: Progress, legacy: bool, deep: bool) -> None:
        self._report = report
        self._progress = progress
        self._legacy = legacy
        self._deep = deep
        self._project = project
        self._cache = Cache(project.cache_dir, types=project.cache_types, shared=project.cache_shared, legacy=legacy)
        self._store = Store(project, legacy=legacy)
        self._remote = self._reach()
        self._lists: dict[str, Path | None] = {}

    def _reach(self) -> Remote | None:
        try:
            remote = self._store.remote
            refuse_vanished(self._project, remote)
        except CPVError as error:
            self._report.trouble.append(str(error))
            return None
        self._report.remote = self._report.remote or remote.url
        return remote

    def _distrust(self, error: CPVError) -> None:
        self._remote = None
        if str(error) not in self._report.trouble:
            self._report.trouble.append(str(error))

    def look(self, found: Sequence[WantedObject]) -> None:
        """Directory objects first, because they say which files there are to look for."""
        with TemporaryDirectory(prefix="cpv-") as folder:
            wholes = distinct(VersionNeed(item.oid, item) for item in found)
            folders = self._check(need for need in wholes.values() if is_dir_oid(need.oid))
            for number, item in enumerate(folders.values()):
                self._lists[item.oid] = self._list_of(item, Path(folder, str(number)))
            alone = (need for need in wholes.values() if not is_dir_oid(need.oid))
            files = self._check(distinct(chain(alone, self._inner(found))).values())
            if not self._legacy and any(item.cache != "ok" for item in files.values()):
                self._read_doubtful(found, files)
            checks = {**folders, **files}
            self._report.checks += checks.values()
            bad = {oid for oid, item in checks.items() if item.wrong}
            if bad:
                self._note_holders(found, bad)
                self._forget({oid for oid in bad if checks[oid].remote in BAD})

    def _inner(self, found: Iterable[WantedObject]) -> Iterator[VersionNeed]:
        """The files of directories, one directory at a time: a long history of large ones must fit in memory."""
        for item in found:
            for relpath, oid in self._listing(item.oid):
                yield VersionNeed(oid, item, relpath)

    def _check(self, needs: Iterable[VersionNeed]) -> dict[str, Checked]:
        checks = {need.oid: Checked(need, self._legacy, self._project.remote_name, size=need.size) for need in needs}
        check_in_cache(list(checks.values()), self._cache, self._progress)
        self._ask(checks)
        return checks

    def _ask(self, checks: dict[str, Checked]) -> None:
        if self._remote is None or not checks:
            return
        try:
            seen = seen_on(self._remote, {oid: item.size for oid, item in checks.items()})
            for oid, item in checks.items():
                item.remote = _compare(item, seen.get(oid))
            read = [item for item in checks.values() if self._must_read(item, seen.get(item.oid))]
            self._read(self._remote, read)
        except CPVError as error:
            self._distrust(error)
        for item in checks.values():
            if item.need.wanted.here and item.cache == "absent" and item.remote == "absent":
                item.cache = "missing"

    def _must_read(self, item: Checked, seen: Seen | None) -> bool:
        if item.remote != "ok" or seen is None:
            return False
        return self._deep or (seen.md5 is not None and seen.md5 != item.oid[:32])

    def _read(self, remote: Remote, items: list[Checked]) -> None:
        for item in items:
            item.remote = "not asked"  # until its bytes have come

        def read(item: Checked) -> None:
            temporary = self._cache.temporary()
            try:
                remote.download(item.oid, temporary, self._progress)
                item.size = temporary.stat().st_size
                item.remote = "ok"
            except MissingObject:
                item.remote = "missing"
            except CorruptObject:
                item.remote = "corrupt"
            finally:
                temporary.unlink(missing_ok=True)

        each(read, items, _READ_THREADS)

    def _read_doubtful(self, found: Sequence[WantedObject], files: dict[str, Checked]) -> None:
        """Where the files of a directory are not together as large as its pointer says, read those nobody vouches for.

        That is how a truncated file is found whose size only the remote could tell.
        """
        doubtful: dict[str, Checked] = {}
        for item in found:
            inside = [files[oid] for _, oid in self._listing(item.oid)]
            unsure = {check.oid: check for check in inside if check.cache != "ok" and check.remote == "ok"}
            if unsure and item.pointer.size != sum(check.size or 0 for check in inside):
                doubtful |= unsure
        if self._remote is not None and doubtful and not self._deep:
            try:
                self._read(self._remote, list(doubtful.values()))
            except CPVError as error:
                self._distrust(error)

    def _listing(self, oid: str) -> Listing:
        """What a directory object lists; nothing for a file, and where nobody has a good copy."""
        path = self._lists.get(oid)
        return self._store.read_listing(path, oid) if path is not None else []

    def _list_of(self, item: Checked, temporary: Path) -> Path | None:
        """A file that has the directory object: the cache's good copy, else the remote's."""
        try:
            path = item.file if item.cache == "ok" else self._fetched_list(item, temporary)
            if path is not None:
                self._store.read_listing(path, item.oid)
                return path
        except CPVError as error:
            self._report.trouble.append(str(error))
        self._report.unlisted.add(item.oid)
        return None

    def _fetched_list(self, item: Checked, to: Path) -> Path | None:
        if self._remote is None or item.remote != "ok":
            return None
        try:
            self._remote.download(item.oid, to, self._progress)
        except CorruptObject:
            item.remote = "corrupt"
            return None
        return to

    def _note_holders(self, found: Sequence[WantedObject], bad: set[str]) -> None:
        for item in found:
            for relpath, oid in chain([("", item.oid)], self._listing(item.oid)):
                if oid in bad:
                    path = f"{item.pointer.path}/{relpath}" if relpath else item.pointer.path
                    self._report.holders.setdefault(oid, []).append((path, item.versions))

    def _forget(self, gone: set[str]) -> None:
        """What turned out not to be on the remote must be looked for by the next push, and its directories with it."""
        folders = {folder for folder in self._lists if any(oid in gone for _, oid in self._listing(folder))}
        if self._remote is not None and gone:
            Queue.of(self._project.repo).forget(self._remote.url, gone | folders)


def _compare(item: Checked, seen: Seen | None) -> State:
    if seen is None:
        return "missing" if item.need.wanted.on_remote else "absent"
    if item.size is None:
        item.size = seen.size
    return "ok" if seen.size in (None, item.size) else "wrong size"
