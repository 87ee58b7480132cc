"""Where things are: the configuration file, the relay's directory, sockets, locks, our own state. Nothing here makes or opens anything."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

MAX_SOCKET_PATH: Final = 107  # bytes; sun_path of unix(7) holds 108 with its last NUL
_SOCKETS: Final = ("run/monitor.sock", "run/relay.sock")


def find_configuration(given: str | None, environ: Mapping[str, str]) -> Path:
    """`given` (an option), $RELAY_CONSOLE_CONFIG, the user's, the system's, the shipped one."""
    named = given or environ.get("RELAY_CONSOLE_CONFIG")
    if named:
        return Path(named)
    for path in (user_configuration(environ), Path("/etc/relay-console/config.yaml")):
        if path.exists():
            return path
    return shipped_configuration()


def user_configuration(environ: Mapping[str, str]) -> Path:
    return _xdg(environ, "XDG_CONFIG_HOME", ".config") / "config.yaml"


def shipped_configuration() -> Path:
    """Beside this module when installed, at the top of the tree when run from a checkout."""
    here = Path(__file__).parent
    return next((path for path in (here / "config.yaml", here.parent / "config.yaml") if path.exists()), here / "config.yaml")


def state_directory(environ: Mapping[str, str]) -> Path:
    """Ours: the log of a console. ~/.local/state/relay-console"""
    return _xdg(environ, "XDG_STATE_HOME", ".local/state")


def relay_directory(configured: str, configuration: Path) -> Path:
    """`~` is the user's home; a relative path begins at the configuration file."""
    return (configuration.resolve().parent / Path(configured).expanduser()).absolute()


def relay_socket(directory: Path) -> Path:
    return directory / "run" / "relay.sock"


def monitor_socket(directory: Path) -> Path:
    return directory / "run" / "monitor.sock"


def relay_log(directory: Path) -> Path:
    """What a relay says that was started by a monitor."""
    return directory / "run" / "relay.log"


def monitor_log(directory: Path) -> Path:
    """What a monitor says that was started by a console."""
    return directory / "run" / "monitor.log"


def length_fault(directory: Path) -> str | None:
    """Sockets have short names: a sentence when theirs would not fit."""
    longest = max(len(os.fsencode(directory / socket)) for socket in _SOCKETS)
    if longest <= MAX_SOCKET_PATH:
        return None
    return f"too long: sockets below {directory} would have names of {longest} bytes and the system allows {MAX_SOCKET_PATH}"


def _xdg(environ: Mapping[str, str], variable: str, default: str) -> Path:
    """The specification says that a relative path is to be ignored."""
    base = Path(environ.get(variable, ""))
    return (base if base.is_absolute() else Path.home() / default) / "relay-console"
