"""Where the daemon's sockets are, read from the configuration without checking it: for answers that must be quick.

A daemon that runs answers for the configuration it was started with; mistakes that came into the file since are no reason to say nothing.
"""

from pathlib import Path

from yaml.nodes import MappingNode, Node, ScalarNode

from relay_console import paths
from settings.tree import NotYaml, read_tree


def directory(path: Path) -> Path:
    """The relay's, absolute. What is not plain to see the whole reading looks at. Raises BadConfiguration."""
    try:
        relay = _value(read_tree(path.read_bytes()), "relay")
    except (OSError, NotYaml):
        return _read_whole(path)
    found = _value(relay, "directory")
    if isinstance(found, ScalarNode) and found.tag == "tag:yaml.org,2002:str" and found.value:
        place = paths.relay_directory(found.value, path)
        return place if paths.length_fault(place) is None else _read_whole(path)
    return _read_whole(path)


def _value(node: Node | None, name: str) -> Node | None:
    """The only value of that key."""
    if not isinstance(node, MappingNode):
        return None
    found = [value for key, value in node.value if isinstance(key, ScalarNode) and key.value == name]
    return found[0] if len(found) == 1 else None


def _read_whole(path: Path) -> Path:
    from relay_console.config import load

    return load(path, asks_librdkafka=False).directory
