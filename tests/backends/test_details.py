"""Partitions stay with the monitor until somebody asks for them: a snapshot without details, and rows put back."""

from backends.demo import demo_sources
from backends.details import brief, has_details, of_name, put_in
from backends.snapshots import Data, Offsets, Queues, Snapshot, Topics

NOW = 1_795_000_000.0


async def seen(name: str) -> Data:
    (source,) = [source for source in demo_sources() if source.name == name]
    return await source.observe(NOW)


async def test_a_brief_snapshot_has_every_row_and_no_detail() -> None:
    whole = await seen("main")
    told = brief(Snapshot("main", "topics", "ok", NOW, data=whole)).data
    assert isinstance(whole, Topics) and isinstance(told, Topics)
    assert [topic.name for topic in told.topics] == [topic.name for topic in whole.topics]
    assert any(topic.detail for topic in whole.topics) and not any(topic.detail for topic in told.topics)


async def test_what_has_no_details_is_itself() -> None:
    queues = Snapshot("broker-a", "queues", "ok", NOW, data=await seen("broker-a"))
    nothing = Snapshot("broker-a", "queues", "down", NOW)
    assert brief(queues) is queues and brief(nothing) is nothing
    assert isinstance(queues.data, Queues) and not has_details(queues.data)


async def test_the_rows_of_a_name_are_put_back_whole_and_the_others_stay_as_they_are() -> None:
    whole = await seen("groups")
    assert isinstance(whole, Offsets)
    name = whole.consumers[0].name
    told = brief(Snapshot("groups", "offsets", "ok", NOW, data=whole)).data
    assert told is not None
    again = put_in(told, name, of_name(whole, name))
    assert isinstance(again, Offsets)
    assert {each.name: bool(each.detail) for each in again.consumers} == {each.name: each.name == name for each in whole.consumers}
