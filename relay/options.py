"""What a relay is told besides its configuration."""

from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from relay.config import Relay


class CannotReread(Exception):
    """`lines`: what is wrong with the configuration, as it would be told at the start."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


class Options(Struct, frozen=True):
    socket: Path
    lock: Path
    embedded: bool = False  # started by a monitor, not by a person or systemd
    version: str = ""
    config: str = ""  # path of the configuration file
    reread: Callable[[], Relay] | None = None  # the configuration as it is now; blocks, and raises CannotReread
