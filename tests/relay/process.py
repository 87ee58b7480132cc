"""A relay in a process of its own, to be killed: `python -m tests.relay.process CONFIG.json [FILES [BYTES]]`.

FILES: descriptors it may open. BYTES: how large a file it may write; a write beyond fails as on a full disk.
"""

import logging
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from relay.config import Relay
from relay.service import run
from tests.relay.running import options

DEADLINE = 10.0
ROOT = Path(__file__).parents[2]


class Process:
    """Started and ready, or ended; `addresses` by receiver name. Its configuration and log are `place`.json and .log."""

    def __init__(self, config: Relay, *more: str, place: Path | None = None, module: str = "tests.relay.process") -> None:
        place = place or Path(config.directory)
        file = place.with_suffix(".json")
        file.write_bytes(msgspec.json.encode(config))
        self.log = place.with_suffix(".log")
        with self.log.open("ab") as log:
            start = log.tell()
            command = [sys.executable, "-m", module, str(file), *more]
            self.child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        ends_at = time.monotonic() + DEADLINE
        while True:
            self.said = self.log.read_bytes()[start:].decode()
            if "relay ready" in self.said or self.child.poll() is not None:
                break
            assert time.monotonic() < ends_at, f"not ready: {self.said}"
            time.sleep(0.005)
        self.addresses = dict(re.findall(r"(\S+): listening on (\S+),", self.said))

    def address(self, name: str = "a") -> tuple[str, int]:
        host, _, port = self.addresses[name].rpartition(":")
        return host, int(port)

    def kill(self) -> None:
        """As a power switch would."""
        self.child.send_signal(signal.SIGKILL)
        self.child.wait(DEADLINE)

    def stop(self) -> int:
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(DEADLINE)

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait(DEADLINE)


def main(words: list[str]) -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    if len(words) > 1:
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(words[1]), int(words[1])))
    if len(words) > 2:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(words[2]), int(words[2])))
    config = msgspec.json.decode(Path(words[0]).read_bytes(), type=Relay)
    return run(config, options(Path(config.directory)))


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.exit(code)
