"""The line for a monitoring system: what state, in which words, with which figures; and nothing in a name breaks it."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from backends.agent import HeapFile, Occupancy
from backends.broker import Broker, BrokerTopic, Job, Queue
from backends.snapshots import Consumer, Heap, Kind, Offsets, Queues, Relay, Snapshot, Topic, Topics, Total
from relay.status import SenderStatus
from relay_console.perfdata import Limits
from relay_console.plugin import MAX_LINE, Verdict, judge, line

NOW = 1_800_000_000.0
RATES: dict[str, float | None] = {"1": 60.0, "5": None, "15": None}
FIGURE = re.compile(r"'[^'=|]*'=-?[0-9.]+(?:s|B|c)?(?:;-?[0-9.]*){0,4}")


def topic(name: str, state: Any = "ok", age: float | None = 3.0, reason: str | None = None, rate: float | None = None) -> Topic:
    return Topic(name, 1, state, rate, age, None, age, None, None, reason)


def consumer(name: str, verdict: Any = "OK", lag: int | None = 5, of: str | None = None, reason: str = "") -> Consumer:
    return Consumer(name, "csv", "t", 1, RATES, lag, None, verdict, reason, 0, application=of)


def topics(*found: Topic, source: str = "main", at: float = NOW - 2) -> Snapshot:
    return Snapshot(source, "topics", "ok", at, data=Topics(found), interval_s=10.0)


def offsets(*found: Consumer) -> Snapshot:
    totals = (Total("app1", 2, 2, RATES, 5, None, None, "OK", ""),)
    return Snapshot("lean", "offsets", "ok", NOW, data=Offsets(found, totals, totals[0]))


DOWN = Snapshot("main", "topics", "down", NOW - 900, error="main: no broker answers", data=Topics((topic("orders"),)), interval_s=10.0)
NEVER = Snapshot("other", "topics", "down", error="other: no broker answers")


def ask(kind: Kind | None, *words: str, of: tuple[Snapshot, ...], limits: Limits = Limits()) -> Verdict:  # noqa: B008, an immutable value
    return judge(of, kind, words, limits, NOW)


def test_all_well_is_ok_with_what_there_is() -> None:
    verdict = ask("topics", of=(topics(topic("orders"), topic("users")),))
    assert line("TOPICS", verdict) == (
        "TOPICS OK - main: 2 topics (2 ok) | 'critical'=0 'warning'=0 'orders loaded_age'=3s 'users loaded_age'=3s"
    )
    assert verdict.code == 0


def test_the_worst_comes_first_three_are_named_and_the_rest_is_counted() -> None:
    late = [topic(f"w{number}", "warn", 400.0, "newest record was loaded 6m ago; limit 5m") for number in range(4)]
    verdict = ask("topics", of=(topics(*late, topic("dead", "crit", 1000.0, "newest record was loaded 16m ago; limit 15m")),))
    assert verdict.code == 2
    assert verdict.text == (
        "dead: newest record was loaded 16m ago; limit 15m; w0: newest record was loaded 6m ago; limit 5m;"
        " w1: newest record was loaded 6m ago; limit 5m; and 2 more"
    )
    assert verdict.figures[:2] == ("'critical'=1", "'warning'=4")
    assert verdict.figures[2].startswith("'w0 loaded_age'=400s")  # those in trouble before the others, in the order of the snapshot


def test_a_name_that_is_not_there_is_unknown() -> None:
    verdict = ask("topics", "order", of=(topics(topic("orders")),))
    assert (verdict.code, verdict.text) == (3, "no topic named order")
    assert ask("offsets", "app9", of=(offsets(consumer("app1-node-1")),)).text == "no consumer named app9"
    assert ask("topics", "^none", of=(topics(topic("orders")),)).text == "no topic fits ^none"
    assert "a kind is one of topics, offsets" in ask(None, "topic", of=(topics(topic("orders")),)).text


def test_names_and_filters_choose_what_counts() -> None:
    platform = (topics(topic("orders"), topic("dead", "crit"), topic("a.dlq", "warn")),)
    assert ask("topics", "orders", of=platform).code == 0
    assert ask("topics", "dlq$", of=platform).code == 1
    assert ask("topics", "dlq$", "dead", of=platform).code == 2
    assert ask("topics", "!^dead$|dlq", of=platform).code == 0
    assert ask("topics", "main", of=platform).code == 2  # the cluster as a whole
    with pytest.raises(ValueError, match="regular expression"):
        ask("topics", "(", of=platform)


def test_an_absent_name_beside_something_critical_is_critical_and_beside_a_warning_a_warning() -> None:
    platform = (topics(topic("late", "warn"), topic("dead", "crit")),)
    assert ask("topics", "dead", "absent", of=platform).code == 2
    assert ask("topics", "late", "absent", of=platform).code == 1


def test_an_application_means_its_nodes() -> None:
    platform = (
        offsets(consumer("app1-node-1", of="app1"), consumer("app1-node-2", "STALLED", of="app1", reason="no movement"), consumer("b")),
    )
    verdict = ask("offsets", "app1", of=platform)
    assert (verdict.code, verdict.text) == (2, "app1-node-2 t: STALLED: no movement")
    assert not any("'b " in figure for figure in verdict.figures)


def test_a_source_that_is_down_is_critical_whatever_its_last_rows_say() -> None:
    assert ask("topics", of=(DOWN,)) == Verdict("CRITICAL", "main: no broker answers", ("'critical'=1", "'warning'=0"))
    assert ask("topics", "orders", of=(DOWN,)).code == 2
    assert ask("topics", of=(Snapshot("main", "topics", "denied", error="our login is refused"),)).code == 2


def test_a_cluster_that_is_down_counts_only_for_what_may_live_there() -> None:
    alive = topics(topic("orders"))
    assert ask("topics", "orders", of=(alive, NEVER)).code == 0
    assert ask("topics", "elsewhere", of=(alive, NEVER)).text == "other: no broker answers"
    assert ask("topics", of=(alive, NEVER)).code == 2


def test_what_is_older_than_three_readings_is_no_answer() -> None:
    old = topics(topic("orders", "crit"), at=NOW - 31)
    assert ask("topics", of=(old,)).text == "main: what is known is 31s old"
    assert ask("topics", of=(old,)).code == 3
    assert ask("topics", of=(topics(topic("orders"), at=NOW - 29),)).code == 0
    starting = Snapshot("main", "topics", "stale")
    assert ask("topics", of=(starting,)) == Verdict("UNKNOWN", "main: not read yet", ("'critical'=0", "'warning'=0"))


def test_what_is_not_configured_is_unknown_alone_and_left_out_among_others() -> None:
    hint = Snapshot("heap", "heap", "unconfigured", error="no GC log is configured; add `heap:`")
    assert ask("heap", of=(hint,)) == Verdict("UNKNOWN", "no GC log is configured; add `heap:`")
    assert ask(None, of=(hint, topics(topic("orders")))).code == 0
    assert ask(None, of=(hint,)).text == "nothing is configured"


def test_what_could_not_be_judged_is_unknown_when_it_is_asked_for_or_is_all_there_is() -> None:
    unread = topic("new", "unknown", None, "not read yet")
    assert ask("topics", of=(topics(topic("orders"), unread),)).code == 0
    assert ask("topics", "new", of=(topics(topic("orders"), unread),)).text == "new: not read yet"
    verdict = ask("offsets", of=(Snapshot("lean", "offsets", "ok", NOW, data=Offsets((consumer("a", "UNKNOWN", reason="one reading"),))),))
    assert (verdict.code, verdict.text) == (3, "a: one reading")


@pytest.mark.parametrize(("age", "code"), [(59.0, 0), (61.0, 1), (121.0, 2), (None, 3), (-5.0, 0)])
def test_limits_of_the_command_line_count_instead_of_the_configured_ones(age: float | None, code: int) -> None:
    found = topic("orders", "empty" if age is None else "ok", age)
    verdict = ask("topics", "orders", of=(topics(found),), limits=Limits(60.0, 120.0))
    assert verdict.code == code
    if age is not None and age > 0:
        assert verdict.figures[2] == f"'orders loaded_age'={age:.0f}s;60;120"
    configured = topics(topic("orders", "crit", 1000.0, "newest record was loaded 16m ago; limit 15m"))
    assert ask("topics", of=(configured,), limits=Limits(crit=7200.0)).code == 0


def test_limits_do_not_hide_what_is_no_matter_of_age() -> None:
    assert ask("topics", of=(topics(topic("orders", "leaderless", 3.0)),), limits=Limits(60.0, 120.0)).code == 2


def test_a_lag_above_its_limit_counts_beside_the_verdict() -> None:
    limits = Limits(warn_lag=10, crit_lag=100)
    verdict = ask(
        "offsets", of=(offsets(consumer("a", lag=11), consumer("b", lag=101), consumer("c", "STALLED", 11, reason="stuck")),), limits=limits
    )
    assert verdict.text == "c t: STALLED: stuck; b t: lag 101; limit 100; a t: lag 11; limit 10"
    assert "'b t lag'=101;10;100;0" in verdict.figures
    assert ask("offsets", of=(offsets(consumer("a", lag=10), consumer("n", lag=None)),), limits=limits).code == 0


def test_two_clusters_with_a_topic_of_one_name_are_told_apart() -> None:
    verdict = ask("topics", of=(topics(topic("orders", "crit")), topics(topic("orders", "warn"), source="other")))
    assert verdict.text == "main orders: crit; other orders: warn"
    assert {figure.split("=")[0] for figure in verdict.figures[2:]} == {"'main/orders loaded_age'", "'other/orders loaded_age'"}


def test_every_kind_has_figures_in_base_units() -> None:
    heap = HeapFile("/gc.log", "agent", None, None, 1, 1, "stated", Occupancy(9, 2048, 4096), None, None, None, 1, 0.1, None, "OK", "")
    queue = Queue("q", 7, 1, 0, 9, 2, 0, None, None, None, False, False, "OK", "")
    sender = SenderStatus("b", "h:1", "idle", 3, None, 0, 1, 2, 0, None)
    platform = (
        Snapshot("heap", "heap", "ok", NOW, data=Heap((heap,))),
        Snapshot("q", "queues", "ok", NOW, data=Queues(Broker("q", None, None, None, None, None, None), (queue,), 0)),
        Snapshot("relay", "relay", "ok", NOW, data=Relay((), (sender,), (), 0, None, 5, ())),
        topics(topic("t", rate=1.5)),
        offsets(consumer("a")),
    )
    verdict = ask(None, of=platform)
    assert set(verdict.figures) >= {
        "'agent old_used'=2097152B;;;0;4194304",
        "'agent old_used_pct'=50%;;;0;100",
        "'agent full_collections'=1c",
        "'q pending'=7;;;0",
        "'q dequeued'=2c",
        "'b waiting'=3;;;0",
        "'b failed'=2;;;0",
        "'t records_per_s'=1.5",
        "'a t lag'=5;;;0",
        "'a t records_per_min'=60;;;0",
    }
    assert verdict.text == "relay b failed files: 2 files in failed/b"


def agent(verdict: Any, name: str = "agent", state: Any = "ok") -> HeapFile:
    whole = Occupancy(900, 512, 1024)
    return HeapFile(
        "/gc.log", name, None, None, 1, 3, None, None, None, whole, None, 1, 0.1, None, verdict, "because", state=state, error=None
    )


def heaps(*files: HeapFile) -> Snapshot:
    return Snapshot("heap", "heap", "ok", NOW, data=Heap(files))


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        ("HANG", "CRITICAL"),
        ("STUCK", "CRITICAL"),
        ("THRASHING", "CRITICAL"),
        ("LEAK", "WARNING"),
        ("SUSPECT", "WARNING"),
        ("SILENT", "WARNING"),
        ("ENDED", "WARNING"),
        ("UNKNOWN", "UNKNOWN"),
        ("OK", "OK"),
    ],
)
def test_an_agent_that_is_asked_for_by_its_name_is_judged_by_its_log(verdict: str, state: str) -> None:
    assert ask("heap", "agent", of=(heaps(agent(verdict), agent("OK", "other")),)).state == state


def test_among_many_a_log_of_a_process_that_ended_is_no_trouble() -> None:
    assert ask("heap", of=(heaps(agent("ENDED"), agent("SILENT", "b"), agent("UNKNOWN", "c"), agent("OK", "d")),)).state == "OK"
    assert ask("heap", of=(heaps(agent("UNKNOWN", state="denied"), agent("OK", "d")),)).state == "WARNING"


def test_where_a_log_has_only_the_whole_heap_the_figures_are_of_that() -> None:
    figures = ask("heap", of=(heaps(agent("OK")),)).figures[2:]
    assert figures == ("'agent heap_used'=524288B;;;0;1048576", "'agent heap_used_pct'=50%;;;0;100", "'agent full_collections'=3c")


def broker(*queues: Queue, hidden: int | None = None, **lists: Any) -> Snapshot:
    data = Queues(Broker("q", None, None, None, None, None, None), queues, hidden, **lists)
    return Snapshot("q", "queues", "ok", NOW, data=data)


def queue(name: str, verdict: Any = "OK", oldest: float | None = None) -> Queue:
    return Queue(name, 7, 1, 0, 9, 2, 0, None, None, oldest, False, False, verdict, "because")


def test_a_queue_tells_how_long_its_oldest_message_waits_and_a_broker_how_many_queues_cannot_be_shown() -> None:
    verdict = ask("queues", of=(broker(queue("a", oldest=61.5), queue("b"), hidden=2),))
    assert verdict.figures[2:] == (
        "'hidden queues'=2;;;0",
        "'a pending'=7;;;0",
        "'a oldest_age'=61.5s",
        "'a dequeued'=2c",
        "'b pending'=7;;;0",
        "'b dequeued'=2c",
    )
    assert not any("hidden" in figure for figure in ask("queues", of=(broker(queue("a")),)).figures)


def test_of_a_broker_only_queues_are_judged_and_named() -> None:
    """Its topics and its jobs have names and states, too."""
    job = Job(1, "move", "a", "b", 0, None, NOW, NOW, "unknown", "the answer was lost")
    found = broker(queue("a"), topics=(BrokerTopic("prices", 0, 0, 0, 0),), jobs=(job,))
    assert ask("queues", of=(found,)).code == 0
    assert ask("queues", "a", of=(found,)).code == 0
    assert ask("queues", "prices", of=(found,)).text == "no queue named prices"
    assert ask("queues", "^pri", of=(found,)).code == 3


def test_a_figure_that_is_not_known_or_no_number_is_left_out() -> None:
    verdict = ask("topics", of=(topics(topic("a", age=None), topic("b", age=float("nan")), topic("c", age=-2.5)),))
    assert verdict.figures[2:] == ("'c loaded_age'=-2.5s",)


@given(st.text(min_size=1, max_size=90), st.text(max_size=400))
def test_no_name_and_no_reason_breaks_the_line(name: str, reason: str) -> None:
    verdict = ask("topics", of=(topics(topic(name, "crit", 9.0, reason), *(topic(f"{name}{n}") for n in range(60))),))
    text = line("TOPICS", verdict)
    assert len(text.encode()) <= MAX_LINE and text.isprintable()
    said, bar, figures = text.partition(" | ")
    assert said.startswith("TOPICS CRITICAL - ") and bar and "|" not in said and "|" not in figures
    assert FIGURE.sub("", figures).strip() == ""


def test_a_long_list_of_figures_ends_with_a_whole_one() -> None:
    text = line("TOPICS", ask("topics", of=(topics(*(topic(f"topic-{number:03}") for number in range(500))),)))
    assert 900 < len(text.encode()) <= MAX_LINE and text.endswith("loaded_age'=3s")


def test_times_are_those_of_the_snapshot() -> None:
    """The age of a record at the moment of the reading is a fact; what came since nobody knows."""
    assert ask("topics", of=(replace(topics(topic("a")), observed_at=NOW - 9),)).figures[2] == "'a loaded_age'=3s"
