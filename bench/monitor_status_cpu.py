"""CPU of ``relay-console status`` against a running daemon, and what it imports (GOALS M4: <= 0.15 s, no Textual). Prints one JSON object.

The peer is the bare interpreter in the same run: what is left is ours.
"""

import contextlib
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROUNDS = 15
GOAL_S = 0.150
READY_S = 20.0
HEAVY = ("textual", "rich", "aiohttp", "asyncio", "kazoo", "confluent_kafka", "stomp", "sqlite3")
WORDS = ("status", "--json")

LOOKS = """
import sys
from relay_console.cli import run
code = run(sys.argv[1:])
sys.stderr.write("\\n" + " ".join(name for name in %r if name in sys.modules))
sys.exit(code)
"""


def cpu_of(argv: Sequence[str]) -> float:
    """User and system seconds of one process, its own start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


@contextlib.contextmanager
def daemon(config: Path) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "relay_console", "-c", str(config), "--headless"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        ends_at = time.monotonic() + READY_S
        while not _is_attached(config):
            if time.monotonic() > ends_at or process.poll() is not None:
                raise SystemExit("the daemon did not come up")
            time.sleep(0.2)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _is_attached(config: Path) -> bool:
    done = subprocess.run(command(config), capture_output=True, check=False)
    return done.returncode == 0 and json.loads(done.stdout)["monitor"]["attached"] is True


def command(config: Path) -> list[str]:
    return [sys.executable, "-m", "relay_console", "-c", str(config), *WORDS]


def imported(config: Path) -> list[str]:
    argv = [sys.executable, "-c", LOOKS % (HEAVY,), "-c", str(config), *WORDS]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return done.stderr.rsplit("\n", 1)[-1].split()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="rc-bench-") as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(f"relay: {{directory: {folder}/relay, receivers: [{{name: a, listen: '127.0.0.1:{_free_port()}'}}]}}\n")
        with daemon(config):
            ours = [cpu_of(command(config)) for _ in range(ROUNDS)]
            bare = [cpu_of([sys.executable, "-c", "pass"]) for _ in range(ROUNDS)]
            heavy = imported(config)
    median = statistics.median(ours)
    answer = {
        "bench": "monitor_status_cpu",
        "status_cpu_s": {"median": round(median, 4), "min": round(min(ours), 4), "max": round(max(ours), 4)},
        "interpreter_cpu_s": round(statistics.median(bare), 4),
        "imports": heavy,
        "textual_imported": "textual" in heavy,
        "goal_s": GOAL_S,
        "reached": median <= GOAL_S and "textual" not in heavy,
        "cores": os.cpu_count(),
    }
    print(json.dumps(answer))


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
