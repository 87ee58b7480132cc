"""T1: CPU seconds and memory of the console's first paint, and T3's bytes of a start, beside the smallest table Textual ships."""

import json
import sys
import time
from statistics import median

from bench.terminal import Terminal

RUNS = 3


def start(scene: str, until: bytes) -> dict[str, float]:
    terminal = Terminal([sys.executable, "-m", "bench.scenes", scene])
    terminal.watch(15, until=until)
    painted = time.monotonic() - terminal.began
    cpu = terminal.cpu()
    terminal.watch(1.5)
    figures = {"first_paint_cpu_s": cpu, "first_paint_s": painted, "start_bytes": len(terminal.written), "rss_mib": terminal.memory()}
    terminal.close()
    return figures


def medians(scene: str, until: bytes) -> dict[str, float]:
    runs = [start(scene, until) for _ in range(RUNS)]
    return {name: round(median(run[name] for run in runs), 3) for name in runs[0]}


def main() -> None:
    ours, peer = medians("still", b"busan-gw"), medians("stock", b"COLUMN 7")
    goals = {"first_paint_cpu_s": 0.6, "rss_mib": 60, "start_bytes": 80_000}
    met = {name: ours[name] <= goal for name, goal in goals.items()}
    print(json.dumps({"bench": "tui_start", "size": "120x40", "ours": ours, "stock_datatable": peer, "goals": goals, "met": met}, indent=1))


if __name__ == "__main__":
    main()
