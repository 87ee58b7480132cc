"""A daemon for the tests of `connect_or_start`: holds its lock, listens, and ends when its parent's test says so.

python -m tests.link.daemon SOCKET LOCK [MODE]      MODE: serve, crash, slow
"""

import asyncio
import os
import sys
import time
from pathlib import Path

from link.errors import LinkError
from link.protocol import Command, Reply, Welcome
from link.server import Peer, Server
from link.start import hold_lock

LIFETIME = 30.0  # seconds; whatever happens to the test, nothing of it is left behind


async def serve(path: Path) -> None:
    done = asyncio.Event()

    async def on_command(command: Command, peer: Peer) -> Reply:
        done.set()
        return Reply(0, True, "stopping")

    server = Server(path, Welcome(1, "monitor", "1", os.getpid(), "", 0.0), on_command)
    await server.start()
    try:
        async with asyncio.timeout(LIFETIME):
            await done.wait()
    finally:
        await server.close()


def main() -> int:
    path, lock, mode = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    print("starting", flush=True)
    if mode == "crash":
        print("address already in use: 127.0.0.1:9400\x1b[31m", file=sys.stderr)
        return 69
    if mode == "slow":
        time.sleep(LIFETIME)
    try:
        with hold_lock(lock):
            asyncio.run(serve(path))
    except LinkError as error:
        print(error, file=sys.stderr)
        return 69
    return 0


if __name__ == "__main__":
    sys.exit(main())
