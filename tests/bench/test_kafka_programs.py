"""Every benchmark of Kafka and ZooKeeper runs at a small size, says what it promises, and has nothing in the counts that must be 0."""

import pytest

from bench.rig.kafka.peers import kcat
from tests.bench.promises import Promise, kept, made, programs

READING = {"newest_records_not_found", "moved_partitions_not_read", "requests_other_than_reads"}
UNDISTURBED = {"topics_created_or_gone", "groups_changed", "offsets_committed", "records_written", "znodes_written"}
ON_THE_WIRE = {"requests_other_than_reads_on_the_wire"}
PROMISED = {
    "snapshot": Promise({"K1", "K2", "K3"}, READING, {"ours", "peers"}),
    "real": Promise({"K3"}, READING | UNDISTURBED | ON_THE_WIRE | {"topics_made_besides_the_offsets_topic"}, {"kafka4"}),
    "distance": Promise({"K1", "K2"}, READING | ON_THE_WIRE, {"ours", "ours_near", "round_trip_ms", "seen_on_the_wire", "peers"}),
    "groups": Promise(
        {"K4, many topics", "K4 2 ms away, many topics", "K4b, many topics"},
        {f"{name}, many topics" for name in UNDISTURBED | ON_THE_WIRE | {"lags_not_found", "lags_wrong"}},
        {"many topics"},
    ),
    "znodes": Promise(
        {"K4", "K4 near", "K4b"},
        ON_THE_WIRE | {"znodes_written", "pairs_not_found", "offsets_wrong"},
        {"ours", "whole_cycle", "seen_on_the_wire", "peers"},
    ),
    "memory": Promise({"K5"}, {"partitions_not_seen", "offsets_not_seen"}, {"monitor_mb", "monitor_without_kafka_mb", "kafka_part_mb"}),
    "trials": Promise(
        {"K6", "K6, recreated with more records"},
        {"negative_lags", "negative_time_lags", "negative_rates", "negative_counts", "not_finite", "time_lags_beyond_what_was_watched",
         "lags_of_offsets_beyond_the_end", "sources_that_were_never_read", "trials_without_a_race"},
        {"readings", "commits", "exporters", "verdicts"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROMISED)
def test_it_says_what_it_promises_and_counts_nothing_that_must_not_be(name: str) -> None:
    kept(f"kafka_{name}", PROMISED[name])


def test_there_is_no_program_without_a_promise_and_make_runs_all_of_them() -> None:
    verdicts = {"kafka_verdicts"}  # plays traces, needs no server, and is held by tests/backends/consumers/traces
    assert programs("kafka") == {f"kafka_{name}" for name in PROMISED} | verdicts == made("bench-kafka", "kafka")


def test_without_kcat_it_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(SystemExit, match="apt-get install kcat"):
        kcat()
