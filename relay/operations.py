"""What an operator may tell the relay: one command path for the console, the command line and other programs.

Who asked, whether he may, and the audit line are the monitor's; here a verb and its arguments become calls of receivers and senders.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from relay.receiver import Receiver
from relay.sender import Sender

Parts = Sequence[Receiver | Sender]


class Operations:
    """`stop` drains the relay and ends it."""

    def __init__(self, receivers: Sequence[Receiver], senders: Sequence[Sender], stop: Callable[[], None]) -> None:
        self._receivers = receivers
        self._senders = senders
        self._stop = stop

    async def obey(self, verb: str, arguments: Mapping[str, Any]) -> tuple[bool, str]:
        """Whether it was done, and one line."""
        match verb:
            case "pause" | "resume":
                return self._pause_or_resume(verb, str(arguments.get("name")))
            case "resend":
                return await self._resend(str(arguments.get("sender")), arguments.get("file"))
            case "disconnect":
                number = arguments.get("id")
                hits = [each for each in self._parts if isinstance(number, int) and each.disconnect(number)]
                return (True, f"connection {number} is being ended") if hits else (False, f"no connection {number}")
            case "drain":
                self._stop()
                return True, "draining"
            case "refresh":
                return True, "the status is published"
        return False, f"no such command: {verb!r}; there are pause, resume, resend, disconnect, drain and refresh"

    @property
    def _parts(self) -> Parts:
        return [*self._receivers, *self._senders]

    def _pause_or_resume(self, verb: str, name: str) -> tuple[bool, str]:
        found = [each for each in self._parts if each.config.name == name]
        for each in found:
            (each.pause if verb == "pause" else each.resume)()
        kinds = " and ".join("receiver" if isinstance(each, Receiver) else "sender" for each in found)
        return (True, f"{verb}d: {kinds} {name}") if found else (False, f"no receiver or sender has the name {name!r}")

    async def _resend(self, name: str, file: Any) -> tuple[bool, str]:
        for sender in self._senders:
            if sender.config.name == name:
                try:
                    names = await sender.resend(None if file is None else [str(file)])
                except OSError as error:
                    return False, f"{name}: {error.strerror or error}"
                if not names and file is not None:
                    return False, f"no file {file!r} in failed/{name}"
                return True, f"{len(names)} {'file is' if len(names) == 1 else 'files are'} sent again"
        return False, f"no sender has the name {name!r}"
