"""Verdicts on GC logs with a known truth (GOALS H4): logs of real JVMs, and made traces of lives that last hours and days. One JSON object.

Beside ours: the old script (a hang is any full collection that leaves 95 % of what there was), and the JVM's own rule (98 % of the time in
five full collections running that leave less than 2 % free). `--markdown` prints the tables of docs/heap.md instead.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from backends.agent import HeapFile
from backends.gclog.events import Collected, Event, Named
from backends.gclog.judging.shares import shares
from backends.gclog.parsing.assemble import Parser
from backends.heap import read_files
from bench.rig.kafka.report import at_most
from bench.rig.rounds import goal, machine, rounded
from tests.backends.gclog import corpus, traces
from tests.backends.gclog.scoring import Score, score
from tests.backends.gclog.traces import Trace

HEALTHY, STUCK, PLATEAU = ("churn", "sysgc", "humongous"), ("leak", "leakdie"), ("plateau",)
NEVER_COLLECTS = "epsilon"
SEEDS, QUICK_SEEDS = (21, 22, 23), (21,)  # the rules were tuned on others
OLD_SCRIPT = 0.95  # after / before
LIMIT, LEAST_FREE, RUNNING = 0.98, 0.02, 5


class Read(NamedTuple):
    """One real log."""

    name: str
    row: HeapFile
    old_script: bool
    jvm: bool


def old_script(events: Iterable[Event]) -> bool:
    """Of the old generation, or the heap where the log has no more."""
    for event in events:
        sizes = (event.old or event.heap) if isinstance(event, Collected) and event.kind == "full" else None
        if sizes is not None and sizes.before_kib and sizes.after_kib is not None and sizes.after_kib >= OLD_SCRIPT * sizes.before_kib:
            return True
    return False


def jvm(events: Iterable[Event]) -> bool:
    """GCTimeLimit and GCHeapFreeLimit, five times running; whatever the collector, as G1 has it from JDK 26 on."""
    running: list[tuple[float, float, float]] = []  # where each full collection began and ended, and all pauses until then
    stopped = 0.0
    for event in events:
        if not isinstance(event, Collected) or event.pause_s is None or event.at is None:
            continue
        stopped += event.pause_s
        if event.kind != "full":
            continue
        found = shares(event)
        one = (event.at - event.pause_s, event.at, stopped)
        running = [*running[1 - RUNNING :], one] if found is not None and 1 - found.left < LEAST_FREE else []
        if len(running) == RUNNING:
            began, _, before = running[0]
            spent = stopped - before + running[0][1] - began
            if spent >= LIMIT * (event.at - began):
                return True
    return False


# Logs of real JVMs


def scenario(name: str) -> str:
    """`jdk17-parallel-leakdie-gc.log` -> `leakdie`; "" for those that are about something else."""
    parts = name.split("-")
    is_one = name.startswith("jdk") and len(parts) > 3 and parts[1] != NEVER_COLLECTS
    return parts[2] if is_one else ""


def read(place: Path) -> list[Read]:
    found = []
    for path in sorted(path for path in place.rglob("jdk*.log") if path.is_file() and scenario(path.name)):
        (row,) = read_files([path])
        events = Parser().feed(path.read_bytes())
        found.append(Read(path.name, row, old_script(events), jvm(events)))
    return found


def real(logs: Sequence[Read], scenarios: Sequence[str]) -> dict[str, Any]:
    chosen = [log for log in logs if scenario(log.name) in scenarios]
    hangs = [log.row.hang for log in chosen if log.row.hang is not None]
    delays = [hang.after_full - 1 for hang in hangs if hang.after_full > 0]
    return {
        "logs": len(chosen),
        "hangs": len(hangs),
        "by_full_collections": len(delays),
        "by_the_jvms_mark_alone": len(hangs) - len(delays),
        "full_collections_after_the_first_futile_one": {"median": median(delays), "max": max(delays)} if delays else None,
        "old_script": sum(log.old_script for log in chosen),
        "jvm": sum(log.jvm for log in chosen),
        "not_told": [log.name for log in chosen if log.row.hang is None] if scenarios != HEALTHY else None,
        "told": [f"{log.name}: {log.row.hang.reason}" for log in chosen if log.row.hang is not None] if scenarios == HEALTHY else None,
        "other_verdicts": sorted({log.row.verdict for log in chosen} - {"OK", "ENDED", "HANG"}),
    }


# Made traces


class Kind(NamedTuple):
    scores: list[Score]
    old_script: int
    jvm: int


def played(made: Sequence[Trace], seeds: Sequence[int]) -> dict[str, Kind]:
    """By the kind of life, over collectors and seeds."""
    kinds: dict[str, list[tuple[Score, bool, bool]]] = {}
    for trace in made:
        for seed in seeds:
            events = [event for event in trace.events(seed) if not isinstance(event, Named)]
            kinds.setdefault(trace.kind, []).append((score(trace, seed), old_script(events), jvm(events)))
    return {
        kind: Kind([one for one, _, _ in all_], sum(old for _, old, _ in all_), sum(own for *_, own in all_))
        for kind, all_ in kinds.items()
    }


def summary(kinds: Iterable[Kind], must: bool) -> dict[str, Any]:
    all_ = list(kinds)
    scores = [one for kind in all_ for one in kind.scores]
    free = [one.left for one in scores if one.left is not None]
    return {
        "traces": len(scores),
        "looks": sum(one.looks for one in scores),
        "false_looks": sum(one.false_looks for one in scores),
        "false_traces": sum(one.false_looks > 0 for one in scores),
        "false_words": sorted({word for one in scores for word in one.false_words}),
        "missed": sum(not one.is_said for one in scores) if must else None,
        "flaps": sum(one.flaps for one in scores) if must else None,
        "free_when_said_median": rounded(median(free)) if free else None,
        "old_script": sum(kind.old_script for kind in all_),
        "jvm": sum(kind.jvm for kind in all_),
    }


GROUPS: Mapping[str, Sequence[Trace]] = {
    "healthy": traces.HEALTHY,
    "leaks": traces.LEAKS,
    "thrashing": traces.THRASHES,
    "hangs": traces.HANGS,
    "cannot_be_told": traces.UNTOLD,
}


def figures(seeds: Sequence[int], is_quick: bool) -> dict[str, Any]:
    place, which = corpus.folder()
    logs = read(place)
    healthy, stuck, plateau = (real(logs, scenarios) for scenarios in (HEALTHY, STUCK, PLATEAU))
    made: dict[str, Any] = {}
    for name, group in GROUPS.items():
        chosen = [trace for trace in group if not is_quick or not trace.is_long]
        kinds = played(chosen, seeds)
        must = name not in ("healthy", "cannot_be_told")
        made[name] = {"all": summary(kinds.values(), must), "kinds": {kind: summary([each], must) for kind, each in kinds.items()}}
    delay = stuck["full_collections_after_the_first_futile_one"]
    false = made["healthy"]["all"]["false_looks"]
    missed = {name: made[name]["all"]["missed"] for name in ("leaks", "thrashing", "hangs")}
    return {
        "goals": [
            at_most("H4, false", 0, "HANG on healthy logs", healthy["by_full_collections"]),
            goal("H4, found", ">= 95 % of stuck logs", rounded(100 * stuck["hangs"] / stuck["logs"]) if stuck["logs"] else None, least=95),
            at_most("H4, soon", 5, "full collections after the first futile one, median", None if delay is None else delay["median"]),
            at_most("H4, made, false", 0, "false readings of healthy made traces", false),
            at_most("H4, made, missed", 0, "leaks, thrashes and hangs of made traces", sum(missed.values())),
        ],
        "must_be_zero": {"false_hangs": healthy["by_full_collections"], "missed_hangs_made": missed["hangs"]},
        "corpus": which,
        "seeds": list(seeds),
        "real": {"healthy": healthy, "stuck": stuck, "plateau": plateau},
        "made": made,
    }


# Tables


def table(found: dict[str, Any]) -> str:
    lines = ["| Logs of real JVMs | logs | HANG | old script | JVM's rule |", "| --- | --- | --- | --- | --- |"]
    for name, each in found["real"].items():
        lines.append(f"| {name} | {each['logs']} | {each['hangs']} | {each['old_script']} | {each['jvm']} |")
    lines += ["", "| Made traces | traces | false readings | in traces | missed | taken back | free when said | old script | JVM's rule |"]
    lines.append("| --- " * 9 + "|")
    for group, each in found["made"].items():
        for kind, one in [*each["kinds"].items(), (f"**all {group.replace('_', ' ')}**", each["all"])]:
            free = "" if one["missed"] is None or one["free_when_said_median"] is None else f"{one['free_when_said_median']:.0%}"
            wrong = f"{one['false_looks']} of {one['looks']}"
            cells = [one["traces"], wrong, one["false_traces"], one["missed"], one["flaps"], free, one["old_script"], one["jvm"]]
            lines.append(f"| {kind} | " + " | ".join("" if cell is None else str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--quick", action="store_true", help="one seed and short lives only, some seconds")
    words.add_argument("--markdown", action="store_true", help="the tables of docs/heap.md")
    words.add_argument("--seeds", type=int, nargs="*", default=None, help=f"of the made traces ({SEEDS})")
    asked = words.parse_args()
    found = figures(asked.seeds or (QUICK_SEEDS if asked.quick else SEEDS), asked.quick)
    if asked.markdown:
        print(table(found))
    else:
        with tempfile.TemporaryDirectory() as directory:
            print(json.dumps({"bench": "gc_verdicts", "quick": asked.quick, "machine": machine(Path(directory)), **found}, indent=2))
    return 1 if any(found["must_be_zero"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
