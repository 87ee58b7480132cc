"""What is known now: the newest snapshot of each source, the newest events, and what is wrong, worst first."""

from backends.snapshots import Snapshot
from link.protocol import Event
from monitor.store import MAX_EVENTS, Store
from tests.monitor.fakes import queues


def test_sources_stay_in_the_order_in_which_they_came() -> None:
    store = Store()
    for name in ("b", "a", "b"):
        store.apply(Snapshot(name, "queues", "ok", data=queues("DLQ")))
    store.apply(Snapshot("heap", "heap", "down", error="gone"))
    assert [snapshot.source for snapshot in store.of_kind("queues")] == ["b", "a"]
    assert [(problem.severity, problem.source) for problem in store.problems()] == [
        ("critical", "heap"),
        ("warning", "b"),
        ("warning", "a"),
    ]
    store.forget("b")
    store.forget("nobody")
    assert list(store.snapshots) == ["a", "heap"]


def test_every_change_is_a_new_version() -> None:
    store = Store()
    store.apply(Snapshot("a", "queues", "ok"))
    assert store.version == 1
    store.happened(Event(1, 1.0, "info", "a", "x"))
    assert store.version == 2
    store.forget("a")
    assert store.version == 3


def test_a_storm_pushes_out_its_own_beginning() -> None:
    store = Store()
    for number in range(MAX_EVENTS + 3):
        store.happened(Event(number, 1.0, "info", "a", "x"))
    assert (len(store.events), store.events[0].sequence) == (MAX_EVENTS, 3)
