"""One thread for one source whose client library blocks. A call that hangs keeps its own source waiting and nothing else: not the loop, not
another source, not the end of the process.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
Job = Callable[[], None]


class Busy(Exception):
    """The call before, given up by its caller, has not returned yet."""


class Worker:
    """Runs one call at a time, on a daemon thread that is started with the first one and ends with `close`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._working = threading.Lock()

    async def run(self, call: Callable[[], T]) -> T:
        """The result of the call, or its exception. Cancelled, it leaves the call to end by itself; until then others raise Busy."""
        if not self._working.acquire(blocking=False):
            raise Busy
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._start()
        self._jobs.put(lambda: self._work(call, loop, answer))
        return await answer

    def close(self, last: Job) -> None:
        """The thread ends after the call it is in and after `last`. Does not wait."""
        if self._thread is not None:
            self._jobs.put(last)
            self._jobs.put(None)
            self._thread, self._jobs = None, queue.SimpleQueue()  # a later call gets a thread and a queue of its own

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=_serve, args=(self._jobs,), name=self._name, daemon=True)
            self._thread.start()

    def _work(self, call: Callable[[], T], loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[T]") -> None:
        value: Any = None
        error: BaseException | None = None
        try:
            value = call()
        except BaseException as raised:
            error = raised
        self._working.release()
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile: nobody waits any more
            loop.call_soon_threadsafe(_settle, answer, value, error)


def _serve(jobs: "queue.SimpleQueue[Job | None]") -> None:
    while (job := jobs.get()) is not None:
        job()


def _settle(answer: "asyncio.Future[Any]", value: Any, error: BaseException | None) -> None:
    if answer.done():  # cancelled
        return
    if error is None:
        answer.set_result(value)
    else:
        answer.set_exception(error)
