"""Our verdicts on consumers beside Burrow's rule on the same traces: false alarms, misses, delay, flaps. Prints one JSON object.

Made traces (scenarios.py, three seeds each) and recorded ones from real servers, both in tests/backends/consumers/traces. Burrow has no
rule without log ends.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.backends.consumers.traces import scenarios
from tests.backends.consumers.traces.score import Score, burrow, ours, score
from tests.backends.consumers.traces.trace import Trace, recorded


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


def figures(seeds: Sequence[int]) -> dict[str, Any]:
    parts = {
        "healthy": scenarios.traces(scenarios.HEALTHY, seeds),
        "troubled": scenarios.traces(scenarios.TROUBLED, seeds),
        "without_log_ends": scenarios.traces(scenarios.WITHOUT_ENDS, seeds),
        "cannot_be_told": scenarios.traces(scenarios.UNTOLD, seeds),
        "recorded": recorded(),
    }
    answer: dict[str, Any] = {"program": "kafka_verdicts", "seeds": list(seeds)}
    own: list[Score] = []
    peer: list[Score] = []
    bare: list[Score] = []
    for name, traces in parts.items():
        answer[name], ours_here, peers_here = table(traces)
        (bare if name == "without_log_ends" else own).extend(ours_here)
        peer += peers_here
    answer["sums"] = {
        "all with log ends": {"ours": summary(own), "burrow": peers(peer)},
        "all without": {"ours": summary(bare), "burrow": None},
    }
    return answer


def cells(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return ["-"] * 4
    seen = found["troubles"] - found["missed"]
    delay = "" if found["delay_median_s"] is None else f" after {found['delay_median_s']} s"
    troubles = f"{seen} of {found['troubles']}{delay}" if found["troubles"] else ""
    return [str(found["false_readings"]), str(found["false_traces"]), troubles, str(found["flaps"])]


def markdown(answer: dict[str, Any]) -> str:
    """The table of docs/verdicts.md."""
    lines = []
    for part in ("healthy", "troubled", "without_log_ends", "cannot_be_told", "recorded", "sums"):
        for kind, found in answer[part].items():
            lines.append(" | ".join(["", kind, *cells(found["ours"]), *cells(found["burrow"]), ""]).strip())
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default=",".join(map(str, scenarios.SEEDS)), help="of the made traces, such as 1,2,3")
    parser.add_argument("--markdown", action="store_true", help="the rows of docs/verdicts.md instead of JSON")
    arguments = parser.parse_args()
    answer = figures([int(seed) for seed in arguments.seeds.split(",")])
    print(markdown(answer) if arguments.markdown else json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()
