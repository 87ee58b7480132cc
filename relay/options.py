"""What a relay is told besides its configuration."""

from pathlib import Path

from msgspec import Struct


class Options(Struct, frozen=True):
    socket: Path
    lock: Path
    embedded: bool = False  # started by a monitor, not by a person or systemd
    version: str = ""
    config: str = ""  # path of the configuration file
