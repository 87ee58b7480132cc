"""A relay in a process of its own on a disk that obeys orders: `python -m tests.relay.faults.orders CONFIG.json ORDERS.json RATE SINCE`.

The scenario writes the file of orders, the disk looks at it before each call. The relay's wall clock runs RATE times quicker from the
moment SINCE on, so that minutes end while somebody watches.
"""

import errno
import logging
import os
import sys
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from relay.config import Relay
from relay.service import run
from relay.storage.commit import Disk
from tests.relay.process import Process
from tests.relay.running import options


class Orders(Struct, frozen=True):
    """For files below `place`; "" is everywhere."""

    place: str = ""
    fail_syncs: bool = False  # EIO
    fail_cuts: bool = False
    sync_takes: float = 0.0  # seconds
    is_full: bool = False  # ENOSPC, also for new files
    is_read_only: bool = False  # EROFS


class Obedient(Disk):
    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at = 0
        self._orders = Orders()

    def _ordered(self, place: str | Path) -> Orders:
        changed_at = os.stat(self._path).st_mtime_ns  # noqa: PTH116
        if changed_at != self._read_at:
            self._orders = msgspec.json.decode(self._path.read_bytes(), type=Orders)
            self._read_at = changed_at
        return self._orders if str(place).startswith(self._orders.place) else Orders()

    def _refuse(self, orders: Orders) -> None:
        if orders.is_read_only:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        if orders.is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def open_new(self, path: Path) -> int:
        self._refuse(self._ordered(path))
        return super().open_new(path)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        orders = self._ordered(_path_of(fd))
        if orders.is_full and len(data) > 1:
            super().write(fd, bytes(data)[: len(data) // 2])  # as much as fits
        self._refuse(orders)
        return super().write(fd, data)

    def sync(self, fd: int) -> None:
        orders = self._ordered(_path_of(fd))
        if orders.sync_takes:
            time.sleep(orders.sync_takes)
        if orders.fail_syncs:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().sync(fd)

    def truncate(self, fd: int, size: int) -> None:
        orders = self._ordered(_path_of(fd))
        if orders.fail_cuts:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if orders.is_read_only:
            self._refuse(orders)
        super().truncate(fd, size)


def _path_of(fd: int) -> str:
    return os.readlink(f"/proc/self/fd/{fd}")  # noqa: PTH115


class Ordered(Process):
    """Started, ready, and obedient."""

    def __init__(self, config: Relay, rate: float = 1.0, since: float = 0.0, place: Path | None = None) -> None:
        self.orders = (place or Path(config.directory)).with_suffix(".orders")
        self.order()
        super().__init__(config, str(self.orders), str(rate), str(since), place=place, module="tests.relay.faults.orders")

    def order(self, orders: Orders | None = None) -> None:
        """None: everything works."""
        fresh = self.orders.with_suffix(".fresh")
        fresh.write_bytes(msgspec.json.encode(orders or Orders()))
        fresh.replace(self.orders)


def main(words: list[str]) -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    config = msgspec.json.decode(Path(words[0]).read_bytes(), type=Relay)
    rate, since = map(float, words[2:])
    wall = time.time
    if rate != 1.0:
        time.time = lambda: since + (wall() - since) * rate
    return run(config, options(Path(config.directory)), Obedient(Path(words[1])))


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.exit(code)
