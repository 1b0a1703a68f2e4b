"""Doing one thing to many items on a few threads, with nothing queued ahead."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

_OPEN_EACH = 3  # files of a thread: what it reads, what it writes, its connection
_KEPT_FREE = 16  # for the record of uploads, boto3's own files, a process that is started
T = TypeVar("T")
R = TypeVar("R")


def each(function: Callable[[T], object], items: Iterable[T], threads: int) -> None:
    """Call `function` on every item; the first error stops the rest and is raised here.

    Items are drawn one by one as threads get free, so a generator that reads a file is bounded by the threads.
    """
    if isinstance(items, Sized):
        threads = min(threads, len(items))
    threads = affordable(threads)
    source, lock = iter(items), threading.Lock()
    stopped, errors = threading.Event(), list[BaseException]()

    def work() -> None:
        try:
            while not stopped.is_set():
                with lock:
                    if stopped.is_set():
                        return
                    try:
                        item = next(source)
                    except StopIteration:
                        return
                function(item)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            errors.append(error)
            stopped.set()

    if threads <= 1:
        work()
    else:
        workers = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
        for worker in workers:
            worker.start()
        try:
            for worker in workers:
                worker.join()
        except BaseException:
            stopped.set()
            raise
    if errors:
        raise errors[0]


def in_order(function: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """What `function` returns for each item, in the items' order; at most `threads` results are held at a time.

    The first error is raised here, and nothing is begun after it.
    """
    # It takes as long to import as all of this package; only large downloads need it.
    from concurrent.futures import ThreadPoolExecutor

    threads = affordable(threads)
    crew, source = ThreadPoolExecutor(threads), iter(items)
    waiting: deque[Future[R]] = deque()
    try:
        waiting.extend(crew.submit(function, item) for item in islice(source, threads))
        while waiting:
            result = waiting.popleft().result()
            yield result
            del result
            waiting.extend(crew.submit(function, item) for item in islice(source, 1))
    finally:
        crew.shutdown(wait=False, cancel_futures=True)


def affordable(threads: int) -> int:
    """So many threads at most, each with a file and a connection, as the limit of open files leaves room for."""
    if threads <= 1:
        return threads
    try:
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = len(os.listdir("/proc/self/fd"))
    except (ImportError, OSError):
        return threads
    if limit == resource.RLIM_INFINITY:
        return threads
    return max(1, min(threads, (limit - used - _KEPT_FREE) // _OPEN_EACH))
