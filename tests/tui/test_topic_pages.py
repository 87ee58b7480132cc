"""What the pages of topics and records say, word by word."""

import msgspec
import pytest

from backends import demo
from backends.questions import Record, Records, RecordsOf
from backends.snapshots import PayloadForm, Reading, Topic, TopicPartition, Topics
from tests.tui.scripted import NOW, TROUBLE, incident, snapshot, store_of
from tui.pane import Entry, Row, Section, panes
from tui.panes.records import records_page
from tui.panes.topic_detail import payload, reading

PANES = {pane.name: pane for pane in panes()}
TOPICS = PANES["topics"]
CSV = PayloadForm(*("csv", "5", "6", ",", "iso", "Asia/Seoul"), detected=("loaded", "sent", "delimiter", "written"), fits=12, samples=12)


def facts(section: Section) -> dict[str, str]:
    return {name: cell.text for name, cell in section.facts}


def texts(section: Section, row: Row) -> dict[str, str]:
    return {column.key: cell.text for column, cell in zip(section.columns, row.cells, strict=True)}


def detail_of(topic: Topic, **data: object) -> list[Section]:
    store = store_of(snapshot("main", "topics", msgspec.structs.replace(Topics((topic,)), **data)))
    return TOPICS.detail(store, f"main/{topic.name}", NOW)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (None, "nothing was read yet"),
        (CSV, "csv ',' loaded column 5, sent column 6, YYYY-MM-DD HH:MM:SS Asia/Seoul; detected, on 12 of 12 records"),
        (
            msgspec.structs.replace(CSV, detected=("written",), fits=9),
            "csv ',' loaded column 5, sent column 6, YYYY-MM-DD HH:MM:SS Asia/Seoul; written detected, on 9 of 12 records",
        ),
        (
            PayloadForm("json", "/meta/loaded_at", None, written="epoch_ms", samples=0),
            "json loaded at /meta/loaded_at, epoch in ms; configured",
        ),
        (PayloadForm("csv", None, None, ","), "csv ',' no times in it; configured"),
        (PayloadForm("binary", None, None, samples=12), "not text, so no times are read from it (12 records looked at)"),
    ],
)
def test_how_times_are_read_is_said_in_a_line(form: PayloadForm | None, text: str) -> None:
    assert payload(form) == text


def test_a_cycle_says_what_it_cost_and_what_it_left() -> None:
    made = Reading(took_s=0.82, partitions=1200, moved=310, read=300, left=10, bytes=1 << 20, oldest_read_at=NOW - 75)
    text = "took 820ms: 310 of 1,200 partitions moved, 300 read, 1.0 MiB, 10 left for the next (the oldest from 1m15s ago)"
    assert reading(made, NOW) == text
    assert reading(None, NOW) == "-"


def test_the_partitions_of_a_topic_have_all_that_is_known_of_them() -> None:
    part = TopicPartition(
        *(3, 10, 110, None, NOW - 42, NOW - 44, NOW + 5, "aborted", "a\x1bb", NOW, 108, "append", 2048), reason="the newest was aborted"
    )
    topic = Topic("t", 1, "ok", 1.0, 42.0, 44.0, -5.0, 2.0, 3, None, (part,), CSV)
    head, table = detail_of(topic, reading=Reading(0.1, 1, 1, 1, 0, 9))
    assert facts(head)["Kafka record time"] == "-5s: in the future, a clock is wrong"
    assert facts(head)["Last cycle"].startswith("took 100ms: 1 of 1 partition moved")
    row = texts(table, table.rows[1])
    assert (row["state"], row["records"], row["end"], row["leader"]) == ("▴ ABORTED", "100", "110", "none")
    assert (row["loaded"], row["sent"], row["record"], row["kind"], row["size"]) == ("42s", "44s", "-5s", "append", "2.0 KiB")
    assert (row["reason"], row["sample"]) == ("the newest was aborted", "a␛b")


def test_what_is_not_known_of_a_partition_is_not_made_up() -> None:
    part = TopicPartition(0, None, None, 1, None, None, None, "waiting", None)
    _, table = detail_of(Topic("t", 1, "unknown", None, None, None, None, None, None, None, (part,)))
    all_of_it, row = (texts(table, each) for each in table.rows)
    assert all_of_it["records"] == "-"
    assert {row[key] for key in ("records", "end", "loaded", "sent", "record", "kind", "size")} == {"-"}


def test_rows_open_into_the_newest_records_of_all_and_of_each_partition() -> None:
    store = store_of(*incident())
    table = TOPICS.detail(store, "main/ledger.tx", NOW)[1]
    questions = [row.opens.question for row in table.rows if row.opens is not None]
    assert questions == [RecordsOf("ledger.tx"), RecordsOf("ledger.tx", 0), RecordsOf("ledger.tx", 1)]


def page(found: Records | None, question: RecordsOf | None = None) -> Section:
    (section,) = records_page(question or RecordsOf("t", 0))(found, NOW)
    return section


def record(**fields: object) -> Record:
    plain = Record(0, 1_204, NOW - 90, "create", b"k", b'{"a": 1}', 1, 8)
    return msgspec.structs.replace(plain, **fields)


def test_records_are_k_of_n_with_their_note() -> None:
    section = page(Records("t", (record(), record(offset=1_203)), 900, "the rest is compacted"))
    assert section.title == "Newest 2 of 900 records of t, partition 0"
    assert facts(section) == {"Note": "the rest is compacted"}
    assert [row.key for row in section.rows] == ["0/1204", "0/1203", "older"]
    older = section.rows[-1].opens
    assert older is not None and older.question == RecordsOf("t", 0, 1_203) and older.title == "before 1,203"


def test_no_records_are_said_and_the_oldest_page_leads_no_further() -> None:
    assert facts(page(Records("t", (), 0))) == {"Note": "there are no records"}
    assert [row.key for row in page(Records("t", (record(),), 1)).rows] == ["0/1204"]
    assert [row.key for row in page(Records("t", (record(),), 99), RecordsOf("t")).rows] == ["0/1204"]
    assert page(None).title == "Newest records of t, partition 0" and page(None).rows == ()


def test_a_record_in_a_row_is_one_harmless_line_and_says_what_is_odd() -> None:
    odd = (
        record(value=b"a\x1b[2J\nb", aborted=True),
        record(offset=1, value=None, value_size=0),
        record(offset=2, value=b"x", value_size=20 << 20),
        record(offset=3, value=b"\xff\x00", value_size=2, key=None, key_size=0, at=None, headers=(("h", b"v"),)),
    )
    section = page(Records("t", odd, 4))
    rows = [texts(section, row) for row in section.rows]
    assert [row["state"] for row in rows] == ["▴ aborted", "▾ tombstone", "▪ cut", ""]
    assert [row["value"] for row in rows] == ["a␛[2J␊b", "(null)", "x", "ff 00"]
    assert [row["size"] for row in rows] == ["8 B", "-", "20 MiB", "2 B"]
    assert (rows[0]["age"], rows[3]["age"], rows[3]["time"], rows[3]["headers"]) == ("1m30s", "-", "-", "1")
    assert section.rows[0].copies == "a\x1b[2J\nb" and section.rows[3].copies == "ff00"


def opened(shown: Record, whole: Record | None = None) -> list[Section]:
    row = page(Records("t", (shown,), 1)).rows[0]
    assert row.opens is not None
    return row.opens.page(None if whole is None else Records("t", (whole,), 1), NOW)


def test_a_record_has_its_headers_key_and_value_whole() -> None:
    head, headers, key, value = opened(record(headers=(("trace", b"1234\x1b"), ("none", None), ("long", b"x" * 900))))
    assert facts(head)["Record time"].endswith("1m30s ago, set by its producer")
    assert headers.text.split("\n")[:2] == ["trace: 1234␛", "none: (null)"] and headers.text.endswith("x… of 900 B")
    assert [form.name for form in key.forms] == ["text", "hex"]
    assert value.forms[0].text() == '{\n  "a": 1\n}'


def test_only_a_record_that_was_cut_is_asked_for_again() -> None:
    whole, cut = (page(Records("t", (each,), 1)).rows[0].opens for each in (record(), record(value_size=99)))
    assert whole is not None and whole.question is None
    assert cut is not None and cut.question == RecordsOf("t", 0, 1_205, 1, whole=True)
    assert opened(record(value_size=99), record(value=b"whole", value_size=5))[-1].title == "Value 5 B"
    assert "no more in the topic" in facts(opened(record(value_size=99), record(offset=3))[0])["Note"]


def test_an_aborted_record_says_what_that_means() -> None:
    assert facts(opened(record(aborted=True))[0])["State"] == "▴ aborted: no reader of committed records sees it"


def test_another_entry_is_no_consumer_of_the_topic() -> None:
    store = store_of(*incident())
    entry = next(entry for entry in TOPICS.entries(store) if entry.item.name == "orders.confirmed")
    crossing = TOPICS.crossing(entry)
    assert not isinstance(crossing, str)
    found = [other.item.name for other in PANES["offsets"].entries(store) if crossing.matches(other)]
    assert found == ["billing-sink"]
    assert isinstance(entry, Entry) and demo.topics(TROUBLE, NOW).reading is not None
