"""T3: bytes of an overview with 15 changing cells a second, and of changing panes, beside a DataTable with as many changing cells."""

import json
import sys
from statistics import median

from bench.terminal import Terminal

SECONDS = 8.0
PANES = "1234502413"


def changing(scene: str, until: bytes) -> tuple[Terminal, float]:
    terminal = Terminal([sys.executable, "-m", "bench.scenes", scene])
    terminal.watch(15, until=until)
    terminal.watch(2)
    return terminal, terminal.watch(SECONDS) / SECONDS


def main() -> None:
    ours, rate = changing("cells", b"busan-gw")
    switches = []
    for key in PANES:
        ours.press(key)
        switches.append(ours.watch(0.6))
    ours.close()
    peer, peer_rate = changing("stock", b"COLUMN 7")
    peer.close()
    figures = {"bytes_per_s": round(rate), "pane_switch_bytes_median": round(median(switches)), "pane_switch_bytes_worst": max(switches)}
    goals = {"bytes_per_s": 4000, "pane_switch_bytes_worst": 25_000}
    met = {name: figures[name] <= goal for name, goal in goals.items()}
    result = {"bench": "tui_changes", "size": "120x40", "ours": figures, "stock_datatable": {"bytes_per_s": round(peer_rate)}}
    print(json.dumps({**result, "goals": goals, "met": met}, indent=1))


if __name__ == "__main__":
    main()
