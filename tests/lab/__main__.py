"""`python -m tests.lab` (make lab) starts everything and waits; `run` (make run) opens relay-console on it; `jars` only downloads.

All end by SIGTERM, SIGHUP or Ctrl-C, and stop what they started. Exit codes as relay-console's: 69 when the lab cannot start.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from tests.lab import jars, java
from tests.lab.config import PASSWORD_VARIABLE
from tests.lab.console import HEADLESS_LIMIT_S, Console, show_answers, show_screen
from tests.lab.errors import LabError
from tests.lab.lab import Lab
from tests.lab.report import say

UNAVAILABLE = 69


def main(words: list[str] | None = None) -> int:
    given = _arguments().parse_args(words)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        if given.command == "jars":
            java.runtime()
            jars.class_paths(jars.ALL)
            return 0
        with _root(given.directory) as root, Lab(root) as lab:
            began = time.monotonic()
            lab.start()
            config = lab.write_config(root / "config.yaml")
            say(f"all servers answer and move, {time.monotonic() - began:.0f} s after the start")
            return _wait(lab, config, given.json) if given.command == "wait" else _run(config, given)
    except LabError as error:
        say(str(error))
        return UNAVAILABLE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("command", nargs="?", choices=("wait", "run", "jars"), default="wait", help="default: wait")
    parser.add_argument("--directory", type=Path, help="keep everything here (default: a temporary one, removed)")
    parser.add_argument("--json", action="store_true", help="wait: describe the lab as JSON")
    parser.add_argument("--settle", type=float, default=65, metavar="S", help="run, no terminal: let rates settle for so long")
    parser.add_argument("--limit", type=float, default=HEADLESS_LIMIT_S, metavar="S", help="run, no terminal: wait for sources so long")
    return parser


@contextmanager
def _root(directory: Path | None) -> Iterator[Path]:
    if directory is not None:
        yield directory.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="relay-console-lab.", ignore_cleanup_errors=True) as temporary:
        yield Path(temporary)


def _end(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # once is enough: what follows is the orderly stop
    sys.exit(128 + number if number == signal.SIGHUP else 0)


def _wait(lab: Lab, config: Path, as_json: bool) -> int:
    print(json.dumps(lab.describe(), indent=1) if as_json else _screenful(lab, config), flush=True)
    while True:
        signal.pause()


def _screenful(lab: Lab, config: Path) -> str:
    rows = [
        ("ZooKeeper", lab.zookeeper.address(), "offsets in /lean/app/offsets and /consumers"),
        ("Kafka 3.9", lab.kafka3.address(), "registered in that ZooKeeper"),
        ("Kafka 4", lab.kafka4.address(), "KRaft"),
        ("ActiveMQ 5.18", lab.activemq_old.jolokia, f"STOMP {lab.activemq_old.stomp}, admin/admin"),
        ("ActiveMQ 6.3", lab.activemq_hardened.jolokia, f"STOMP {lab.activemq_hardened.stomp}, admin/admin, POST only"),
        *((agent.name, str(agent.gc_log), "") for agent in lab.agents.values()),
        ("legacy agent", str(lab.legacy_gc_log), "JDK 8 format"),
        ("partner", lab.partner.listen, f"sends to {lab.partner.receiver}"),
        ("configuration", str(config), ""),
    ]
    lines = [f"{name:<17} {address}  {note}".rstrip() for name, address, note in rows]
    command = f"{PASSWORD_VARIABLE}=admin {sys.executable} -m relay_console -c {config}"
    return "\n".join([*lines, "", f"Open the console on it:  {command}", "Ctrl-C stops all of it."])


def _run(config: Path, given: argparse.Namespace) -> int:
    os.environ[PASSWORD_VARIABLE] = "admin"
    console = Console(config)
    if sys.stdin.isatty() and sys.stdout.isatty():
        return show_screen(console)
    return show_answers(console, given.limit, given.settle)


if __name__ == "__main__":
    sys.exit(main())
