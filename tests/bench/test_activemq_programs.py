"""Every benchmark of ActiveMQ runs at a small size, says what it promises, and has nothing in the counts that must be 0."""

import pytest

from tests.bench.promises import Promise, kept, made, programs

PROMISED = {
    "poll": Promise({"Q1", "Q1, bytes", "Q1, loop"}, {"queues_not_seen"}, {"brokers"}),
    "trend": Promise({"Q2", "Q2, calm"}, {"false_alarms", "growth_not_seen"}, {"false_alarms", "detection"}),
    "plug": Promise({"Q3, killed", "Q3, hung", "Q3, back"}, {"rates_that_cannot_be_true"}, {"brokers", "interval_s"}),
}


@pytest.mark.parametrize("name", PROMISED)
def test_it_says_what_it_promises_and_counts_nothing_that_must_not_be(name: str) -> None:
    kept(f"activemq_{name}", PROMISED[name])


def test_make_runs_all_of_them() -> None:
    assert programs("activemq") == {f"activemq_{name}" for name in PROMISED} == made("bench-activemq", "activemq")
