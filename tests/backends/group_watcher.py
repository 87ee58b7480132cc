"""A process of its own that watches one group without a pause: what may end a whole process must not end the tests.

`python -m tests.backends.group_watcher ADDRESS GROUP` writes a JSON line a cycle until its input ends: {"row", "trouble", "events"}.
"""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from backends.kafka.config import Cluster
from backends.offsets import Watched
from backends.source import Unavailable
from tests.backends.watching import watching_offsets

PAUSE_S = 0.02
END_S = 60.0


async def main(address: str, group: str, is_over: threading.Event) -> None:
    cluster = Cluster("main", bootstrap=address)
    async with watching_offsets(Watched("groups", kafka="main", groups=[group]), cluster) as watch:
        while not is_over.is_set():
            row = trouble = None
            try:
                found = (await watch.consumers()).get(group)
                row = found and {"lag": found.lag, "verdict": found.verdict}
            except Unavailable as unavailable:
                trouble = str(unavailable)
            print(json.dumps({"row": row, "trouble": trouble, "events": watch.events}), flush=True)
            watch.events.clear()
            await asyncio.sleep(PAUSE_S)


def until_input_ends(over: threading.Event) -> None:
    sys.stdin.read()
    over.set()


def collect(lines: Iterable[str], told: list[dict[str, Any]]) -> None:
    for text in lines:
        told.append(json.loads(text))


@contextmanager
def group_watched(address: str, group: str) -> Iterator[list[dict[str, Any]]]:
    """The list grows with each cycle; the process must live until the context is left, which ends it."""
    told: list[dict[str, Any]] = []
    words = [sys.executable, "-m", "tests.backends.group_watcher", address, group]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, text=True, **pipes) as process:  # type: ignore[call-overload]
        reading = threading.Thread(target=collect, args=(process.stdout, told))
        reading.start()
        yield told
        process.stdin.close()
        code = process.wait(END_S)
        reading.join(END_S)
        assert code == 0, f"the process ended with {code}: {process.stderr.read()}"


if __name__ == "__main__":
    over = threading.Event()
    threading.Thread(target=until_input_ends, args=(over,), daemon=True).start()
    asyncio.run(main(sys.argv[1], sys.argv[2], over))
