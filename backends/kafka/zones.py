"""Time zones by the names of the configuration."""

from datetime import UTC, tzinfo
from pathlib import Path


def zone_of(name: str) -> tzinfo:
    """The zone of the configuration; "local" is the host's."""
    from zoneinfo import ZoneInfo

    if name != "local":
        return ZoneInfo(name)
    try:
        with Path("/etc/localtime").open("rb") as file:  # its rules, summer time included
            return ZoneInfo.from_file(file)
    except (OSError, ValueError):
        return UTC
