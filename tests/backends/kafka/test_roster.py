"""Which topics come, go and are denied, reading by reading."""

from backends.kafka.client import TopicInfo
from backends.kafka.faults import Fault
from backends.kafka.roster import ASKED, DELETED_SHOWN_S, MAX_NEWS, NOT_THERE, News, Roster, bounded

NOW = 1_800_000_000.0
INFO = TopicInfo({0: 1, 1: 2})
MISSING = Fault("unknown", "the brokers do not know this topic")
NO_ENTRY = Fault("unknown", "the broker is away, or the topic is not known to it yet")
DENIED = Fault("denied", "the brokers deny access to this topic; grant Describe and Read")
SILENT = Fault("silent", "the broker does not answer")


def meet(roster: Roster, *names: str, now: float = NOW) -> list[str]:
    return [news.text for news in roster.meet(dict.fromkeys(names, INFO), now)]


def gone(*names: str) -> Roster:
    """Missing in two readings."""
    roster = Roster(())
    meet(roster, "stays", *names)
    meet(roster, "stays")
    meet(roster, "stays")
    return roster


def test_nothing_of_the_first_reading_is_new_and_later_ones_are_told_once() -> None:
    roster = Roster(())
    assert meet(roster, "a", "b") == []
    assert meet(roster, "a", "b", "c") == ["topic c appeared (2 partitions)"]
    assert meet(roster, "a", "b", "c") == []


def test_a_topic_missed_once_is_neither_gone_nor_new_when_it_is_back() -> None:
    roster = Roster(())
    meet(roster, "a", "b")
    assert meet(roster, "a") == [] and roster.doubtful() == []
    assert roster.rows()["b"].leaders == INFO.leaders
    assert meet(roster, "a", "b") == [] and roster.rows() == {}


def test_a_topic_is_deleted_when_its_name_is_not_known_either() -> None:
    roster = gone("b")
    assert roster.doubtful() == ["b"]
    assert roster.told("b", MISSING, NOW) == News("warning", "deleted", "b", "topic b was deleted")
    row = roster.rows()["b"]
    assert row.leaders == {} and row.fault is not None and row.fault.text.startswith("deleted: gone from the cluster since ")
    assert roster.doubtful() == [] and meet(roster, "stays") == []
    assert meet(roster, "stays", "b") == ["topic b appeared (2 partitions)"]


def test_its_row_goes_after_ten_minutes() -> None:
    roster = gone("b")
    roster.told("b", MISSING, NOW)
    meet(roster, "stays", now=NOW + DELETED_SHOWN_S - 1)
    assert "b" in roster.rows()
    meet(roster, "stays", now=NOW + DELETED_SHOWN_S)
    assert roster.rows() == {}


def test_a_broker_that_cannot_say_leaves_the_matter_open() -> None:
    roster = gone("b")
    assert all(roster.told("b", said, NOW) is None for said in (SILENT, NO_ENTRY, None))
    assert roster.doubtful() == ["b"] and roster.rows()["b"].leaders == INFO.leaders


def test_a_denied_topic_is_told_once_asked_for_again_and_may_be_deleted_later() -> None:
    roster = gone("b")
    news = roster.told("b", DENIED, NOW)
    assert news is not None and news.text.startswith("topic b is no longer listed: the brokers deny access")
    assert roster.told("b", DENIED, NOW) is None and roster.rows()["b"].fault == DENIED
    assert roster.doubtful() == ["b"]
    deleted = roster.told("b", MISSING, NOW)
    assert deleted is not None and deleted.what == "deleted"


def test_a_topic_that_is_named_and_never_was_there_is_a_row_without_events() -> None:
    roster = Roster(["wanted"])
    assert meet(roster, "a") == [] and roster.rows()["wanted"].fault == NOT_THERE
    assert roster.doubtful() == ["wanted"] and roster.told("wanted", MISSING, NOW) is None
    assert roster.told("wanted", DENIED, NOW) is None and roster.rows()["wanted"].fault == DENIED
    assert roster.told("wanted", MISSING, NOW) is None and roster.rows()["wanted"].fault == NOT_THERE
    meet(roster, "a", now=NOW + 10 * DELETED_SHOWN_S)
    assert "wanted" in roster.rows()
    assert meet(roster, "a", "wanted") == ["topic wanted appeared (2 partitions)"] and roster.rows() == {}


def test_a_whole_cluster_that_lists_nothing_asks_for_a_few_names_at_a_time_in_turns() -> None:
    names = [f"t{number:03}" for number in range(3 * ASKED)]
    roster = gone(*names)
    asked: list[str] = []
    for _ in range(3):
        batch = roster.doubtful()
        assert len(batch) == ASKED
        for name in batch:
            roster.told(name, SILENT, NOW)
        asked += batch
    assert sorted(asked) == names


def test_a_flood_of_events_is_one_for_each_kind() -> None:
    news = [News("info", "new", f"t{number}", "") for number in range(MAX_NEWS)] + [News("warning", "deleted", "x", "topic x was deleted")]
    assert [each.text for each in bounded(news)] == ["20 topics new: t0, t1, t2, t3, t4 and 15 more", "topic x was deleted"]
    assert bounded(news[:MAX_NEWS]) == news[:MAX_NEWS]
