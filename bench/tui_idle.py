"""T2: bytes and CPU seconds of ten seconds in which nothing changes but the clock and the ages, and the same with --low-bandwidth."""

import json
import sys

from bench.terminal import Terminal

SECONDS = 10.0


def idle(*flags: str) -> dict[str, float]:
    terminal = Terminal([sys.executable, "-m", "bench.scenes", "still", *flags])
    terminal.watch(15, until=b"busan-gw")
    terminal.watch(6)
    before = terminal.cpu()
    written = terminal.watch(SECONDS)
    figures = {"bytes_per_s": written / SECONDS, "cpu_s_in_10_s": round(terminal.cpu() - before, 3)}
    terminal.close()
    return figures


def main() -> None:
    ours, calm = idle(), idle("--low-bandwidth")
    met = {
        "bytes_per_s": ours["bytes_per_s"] <= 100,
        "cpu_s_in_10_s": ours["cpu_s_in_10_s"] <= 0.1,
        "low_bandwidth_bytes": calm["bytes_per_s"] == 0,
    }
    goals = {"bytes_per_s": 100, "cpu_s_in_10_s": 0.1, "low_bandwidth_bytes": 0}
    print(json.dumps({"bench": "tui_idle", "size": "120x40", "ours": ours, "low_bandwidth": calm, "goals": goals, "met": met}, indent=1))


if __name__ == "__main__":
    main()
