"""Consumers and how fast they consume: znodes of applications, the classic /consumers tree, and Kafka groups. Three sources, one memory."""

from backends.consumers.brokers import Brokers
from backends.consumers.config import Watched as Watched  # the section's own type, for whoever makes one
from backends.consumers.sources import GroupsSource, ZnodesSource
from backends.source import Context, Source

SECTION = "offsets"
Section = list[Watched]


def sources(section: Section, context: Context) -> list[Source]:
    clusters = {cluster.name: (cluster, f"kafka[{index}]") for index, cluster in enumerate(context.sections.get("kafka") or [])}
    made: list[Source] = []
    for index, watched in enumerate(section):
        brokers = Brokers(watched, f"offsets[{index}]", clusters) if watched.kafka is not None else None
        if watched.zookeeper is not None:
            made.append(ZnodesSource(watched, f"offsets[{index}]", brokers, context.tell))
        elif brokers is not None:
            made.append(GroupsSource(watched, brokers, context.tell))
    return made
