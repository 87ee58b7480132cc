"""What counts as a problem, kind by kind, and what of it is news."""

from typing import Any

import pytest
from msgspec.structs import replace

from backends.agent import HeapFile, HeapVerdict
from backends.broker import QueueVerdict
from backends.snapshots import (
    KINDS,
    Consumer,
    Data,
    Heap,
    Kind,
    Offsets,
    Queues,
    Relay,
    Snapshot,
    State,
    Topic,
    Topics,
    TopicState,
    Verdict,
)
from monitor.severity import MAX_NEWS, Change, News, Problem, problems
from relay.status import ForwardStatus, ReceiverStatus, SenderStatus
from tests.monitor.fakes import queues


def snapshot(data: Data | None, state: State = "ok", **fields: Any) -> Snapshot:
    kinds: dict[type, Kind] = {Relay: "relay", Topics: "topics", Offsets: "offsets", Heap: "heap", Queues: "queues"}
    return Snapshot("it", kinds.get(type(data), "queues"), state, observed_at=1.0, data=data, **fields)


def found(data: Data) -> list[tuple[str, str, str]]:
    return [(problem.severity, problem.subject, problem.text) for problem in problems(snapshot(data))]


def relay(
    *, receiver: str = "listening", sender: str = "idle", failed: int = 0, error: str | None = None, forward: str | None = None
) -> Relay:
    behind = None if forward is None else ForwardStatus("kafka topic in", forward, 1, 12, 99, 3.0, 0, 0, "no broker answers")
    return Relay(
        receivers=(ReceiverStatus("in", "127.0.0.1:9400", receiver, 0, 0, 0, {}, 0, None, None, last_error=error, forward=behind),),
        senders=(SenderStatus("out", "127.0.0.1:9401", sender, 0, None, 0, 0, failed, 0, error),),
        connections=(),
        connections_total=0,
        commit_p99_ms=None,
        disk_free_bytes=None,
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (relay(), []),
        (relay(receiver="failed", error="address in use"), [("critical", "in", "it does not listen: address in use")]),
        (relay(receiver="disk_full"), [("critical", "in", "the disk is full, partners are answered 503")]),
        (relay(receiver="paused", error="old"), [("warning", "in", "paused, partners are refused")]),
        (relay(sender="backing_off", error="timeout"), [("warning", "out", "its partner did not answer, trying again: timeout")]),
        (relay(sender="probing"), [("critical", "out", "its partner is down, files wait")]),
        (relay(sender="standby"), []),
        (relay(sender="lost"), [("warning", "out", "it is not known who may send, files wait")]),
        (relay(forward="forwarding"), []),
        (
            relay(forward="backing_off"),
            [("warning", "in forward", "kafka topic in takes nothing, 12 records wait: no broker answers")],
        ),
        (relay(failed=1), [("warning", "out failed files", "1 file in failed/out")]),
        (relay(failed=7), [("warning", "out failed files", "7 files in failed/out")]),
    ],
)
def test_of_the_relay(given: Relay, expected: list[tuple[str, str, str]]) -> None:
    assert found(given) == expected


@pytest.mark.parametrize(
    ("state", "severity"),
    [("ok", None), ("warn", "warning"), ("crit", "critical"), ("leaderless", "critical"), ("denied", "warning"), ("empty", None)],
)
def test_of_a_topic(state: TopicState, severity: str | None) -> None:
    topics = Topics((Topic("t", 1, state, None, None, None, None, None, None, "3 h old"),))
    assert found(topics) == ([(severity, "t", "3 h old")] if severity else [])


@pytest.mark.parametrize(
    ("verdict", "severity"),
    [
        ("OK", None),
        ("IDLE", None),
        ("UNKNOWN", None),
        ("STALLED", "critical"),
        ("STOPPED", "critical"),
        ("REWOUND", "critical"),
        ("FALLING_BEHIND", "warning"),
    ],
)
def test_of_a_consumer(verdict: Verdict, severity: str | None) -> None:
    group = Consumer("app", "group", "orders", 1, {}, 5, None, verdict, "why", 0)
    node = replace(group, topic=None, layout="csv")
    expected = [(severity, name, f"{verdict}: why") for name in ("app orders", "app")] if severity else []
    assert found(Offsets((group, node))) == expected


@pytest.mark.parametrize(
    ("verdict", "severity"),
    [
        ("OK", None),
        ("SILENT", None),
        ("ENDED", None),
        ("HANG", "critical"),
        ("STUCK", "critical"),
        ("THRASHING", "critical"),
        ("LEAK", "warning"),
        ("SUSPECT", "warning"),
    ],
)
def test_of_an_agent(verdict: HeapVerdict, severity: str | None) -> None:
    file = HeapFile("/gc.log", "agent", None, None, 0, 0, None, None, None, None, None, 0, 0.0, None, verdict, "why")
    assert found(Heap((file,))) == ([(severity, "agent", f"{verdict}: why")] if severity else [])
    assert found(Heap((replace(file, state="down", error="no such file"),))) == [("warning", "agent", "no such file")]


def test_of_queues() -> None:
    given = queues("OK", "NO_CONSUMER", "STUCK", "DLQ", "GROWING", "PAUSED")
    assert [(severity, subject) for severity, subject, _ in found(given)] == [
        ("critical", "q1"),
        ("critical", "q2"),
        ("warning", "q3"),
        ("warning", "q4"),
        ("warning", "q5"),
    ]
    assert found(queues("NO_CONSUMER", pending=0)) == [], "nobody waits for an empty queue"


def test_of_a_source_that_cannot_be_read_only_that_is_known() -> None:
    down = snapshot(queues("STUCK"), "down", error="it: refused")
    assert problems(down) == [Problem("critical", "it", "", "refused")]
    assert problems(replace(down, state="denied", error=None)) == [Problem("critical", "it", "", "denied")]
    assert problems(replace(down, state="stale", error="slow")) == [Problem("warning", "it", "", "slow")]
    assert problems(replace(down, state="stale", observed_at=None)) == [], "it is only starting"
    assert problems(replace(down, state="unconfigured")) == []


def test_news_is_what_appears_gets_worse_or_goes() -> None:
    news = News()
    assert news.of(snapshot(queues("DLQ"))) == [Change("warning", "it", "q0: DLQ: because")]
    assert news.of(snapshot(queues("DLQ", pending=9))) == [], "the same trouble is told once"
    assert news.of(snapshot(queues("STUCK"))) == [Change("critical", "it", "q0: STUCK: because")]
    assert news.of(snapshot(queues("OK"))) == [Change("info", "it", "over: q0: STUCK: because")]


def test_what_cannot_be_seen_is_neither_over_nor_new() -> None:
    news = News()
    news.of(snapshot(queues("STUCK", "DLQ")))
    assert news.of(snapshot(queues("STUCK"), "down", error="refused")) == [Change("critical", "it", "refused")]
    assert news.of(snapshot(queues("STUCK"), "down", error="refused again")) == []
    assert news.of(snapshot(queues("STUCK", "OK"))) == [
        Change("info", "it", "over: refused again"),
        Change("info", "it", "over: q1: DLQ: because"),
    ]


def test_a_flood_is_cut_and_keeps_its_worst_severity() -> None:
    dead: list[QueueVerdict] = ["DLQ"] * 100
    told = News().of(snapshot(queues(*dead, "STUCK")))
    assert len(told) == MAX_NEWS + 1
    assert told[-1] == Change("critical", "it", "and 81 more changes at once")


def test_every_kind_has_a_rule() -> None:
    from monitor.severity import _RULES

    assert len(_RULES) == len(KINDS)
