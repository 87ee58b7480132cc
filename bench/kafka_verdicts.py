"""Our verdicts on consumers beside Burrow's rule on the same traces: false alarms, misses, delay, flaps. Prints one JSON object.

Made traces (tests/backends/traces/scenarios.py, three seeds each) and recorded ones from real servers. Burrow has no rule without log ends.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.backends.traces import scenarios
from tests.backends.traces.score import Score, burrow, ours, score
from tests.backends.traces.trace import Trace, recorded


def summary(scores: Sequence[Score]) -> dict[str, Any]:
    delays = [delay for each in scores for delay in each.delays]
    return {
        "traces": len(scores),
        "readings": sum(each.readings for each in scores),
        "false_readings": sum(each.false_readings for each in scores),
        "false_traces": sum(each.false_readings > 0 for each in scores),
        "troubles": sum(each.troubles for each in scores),
        "missed": sum(each.missed for each in scores),
        "misnamed": sum(each.misnamed for each in scores),
        "delay_median_s": round(median(delays)) if delays else None,
        "delay_max_s": round(max(delays)) if delays else None,
        "flaps": sum(each.flaps for each in scores),
    }


def peers(scores: Sequence[Score]) -> dict[str, Any] | None:
    """Its words are not ours, so none of them is wrong."""
    return {key: value for key, value in summary(scores).items() if key != "misnamed"} if scores else None


def table(traces: Iterable[Trace]) -> tuple[dict[str, Any], list[Score], list[Score]]:
    """By kind, and all scores: ours, Burrow's."""
    by_kind: dict[str, tuple[list[Score], list[Score]]] = {}
    for trace in traces:
        own, peer = by_kind.setdefault(trace.kind, ([], []))
        own.append(score(trace, list(ours(trace))))
        if trace.ends:
            peer.append(score(trace, list(burrow(trace))))
    kinds = {kind: {"ours": summary(own), "burrow": peers(peer)} for kind, (own, peer) in by_kind.items()}
    return kinds, [each for own, _ in by_kind.values() for each in own], [each for _, peer in by_kind.values() for each in peer]


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    parts = {
        "healthy": scenarios.traces(scenarios.HEALTHY),
        "troubled": scenarios.traces(scenarios.TROUBLED),
        "without_log_ends": scenarios.traces(scenarios.WITHOUT_ENDS),
        "cannot_be_told": scenarios.traces(scenarios.UNTOLD),
        "recorded": recorded(),
    }
    answer: dict[str, Any] = {"program": "kafka_verdicts"}
    own: list[Score] = []
    peer: list[Score] = []
    for name, traces in parts.items():
        answer[name], ours_here, peers_here = table(traces)
        own, peer = own + (ours_here if name != "without_log_ends" else []), peer + peers_here
    answer["all_with_log_ends"] = {"ours": summary(own), "burrow": peers(peer)}
    print(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()
