"""``records``: the newest records of a topic, through the daemon that watches its cluster, or from the cluster itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from backends.questions import MAX_RECORDS, Records, RecordsOf
from backends.snapshots import Snapshot, Topics
from relay_console import asking, output
from relay_console import records as shape
from relay_console.answers import Gathered
from relay_console.cli import say
from relay_console.errors import ServiceUnavailable
from relay_console.options import Shared, config_option
from settings.wording import suggestion


@click.command()
@click.argument("topic")
@click.option("--cluster", metavar="NAME", help="Of kafka[].name; needed where several clusters have that topic.")
@click.option("--partition", type=click.IntRange(min=0), metavar="N", help="Of this partition alone.")
@click.option("--before", type=click.IntRange(min=0), metavar="OFFSET", help="Older than this offset of the partition.")
@click.option("--limit", type=click.IntRange(1, MAX_RECORDS), default=20, metavar="N", show_default=True, help="At most so many.")
@click.option("--json", "is_json", is_flag=True, help="One JSON object a line.")
@click.option("--hex", "is_hex", is_flag=True, help="Keys and values as hexadecimal bytes.")
@click.option("--no-color", is_flag=True, help="No colours, not even on a terminal.")
@config_option
@click.pass_obj
def records(shared: Shared, /, topic: str, **given: Any) -> None:
    """The newest records of TOPIC, newest first: time, partition, offset, key, value. Reads without joining a group."""
    if given["before"] is not None and given["partition"] is None:
        raise click.UsageError("--before goes with --partition: offsets are those of one partition")
    if given["is_json"] and given["is_hex"]:
        raise click.UsageError("--json and --hex exclude each other: what is no text stands in JSON as base64")
    limit = given["limit"]
    question = RecordsOf(topic, given["partition"], given["before"], limit, whole=limit == 1)
    cluster, found = _ask(shared.over(given).path, given["cluster"], question)
    if given["is_json"]:
        output.write_bytes(b"".join(shape.json_line(record, topic, cluster) for record in found.records))
    else:
        output.write_lines(shape.table(found.records, is_hex=given["is_hex"], is_coloured=output.is_coloured(given["no_color"])))
    if found.note or not found.records:
        say(found.note or f"{topic} has no records there")


def _ask(path: Path, cluster: str | None, question: RecordsOf) -> tuple[str, Records]:
    """The cluster, and what it tells. Raises Trouble."""
    known = asking.gather_from_daemon(path)
    if known is None:
        return _ask_directly(path, cluster, question)
    name = _cluster(known, cluster, question.topic)
    found = asking.tell(path, name, question)
    if not isinstance(found, Records):
        raise ServiceUnavailable(f"{name}: it told something else than records; is the daemon of another version?")
    return name, found


def _cluster(known: Gathered, cluster: str | None, topic: str) -> str:
    """Which one is meant. Raises ServiceUnavailable."""
    watched = [snapshot for snapshot in known.snapshots if snapshot.kind == "topics" and snapshot.state != "unconfigured"]
    names = [snapshot.source for snapshot in watched]
    _require(names, cluster)
    if cluster is not None:
        return cluster
    having = [snapshot.source for snapshot in watched if _has(snapshot, topic)]
    return _only(having or names, topic, is_there=bool(having))


def _has(snapshot: Snapshot, topic: str) -> bool:
    return isinstance(snapshot.data, Topics) and any(each.name == topic for each in snapshot.data.topics)


def _ask_directly(path: Path, cluster: str | None, question: RecordsOf) -> tuple[str, Records]:
    """Without a daemon nobody knows which cluster has the topic, so all of them are asked."""
    from relay_console.config import load
    from relay_console.direct import ask_topics, clusters

    configuration = load(path)
    _require(clusters(configuration), cluster)
    told = ask_topics(configuration, cluster, question)
    found = {name: answer for name, answer in told.items() if isinstance(answer, Records)}
    if not found:
        raise ServiceUnavailable(*(answer for answer in told.values() if isinstance(answer, str)))
    name = _only(list(found), question.topic, is_there=True)
    return name, found[name]


def _require(names: Sequence[str], cluster: str | None) -> None:
    if not names:
        raise ServiceUnavailable("no Kafka cluster is configured; add `kafka: [{name: main, bootstrap: HOST:9092}]` to config.yaml")
    if cluster is not None and cluster not in names:
        raise ServiceUnavailable(f"there is no cluster {cluster!r}{suggestion(cluster, list(names))}")


def _only(names: Sequence[str], topic: str, *, is_there: bool) -> str:
    if len(names) == 1:
        return names[0]
    listed = ", ".join(names)
    if is_there:
        raise ServiceUnavailable(f"several clusters have a topic {topic!r}: {listed}; say which with --cluster NAME")
    raise ServiceUnavailable(f"no cluster has a topic {topic!r} among those it watches; ask one of {listed} with --cluster NAME")
