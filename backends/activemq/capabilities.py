"""What a broker was found to allow. Nothing is assumed: an action is offered until the broker denies it, and a denial is final for as long
as this broker runs. It is never tried again in another spelling.
"""

from typing import Final

from backends.activemq.config import BrokerSection

NO_SCHEDULER: Final = "the broker has no scheduler: schedulerSupport is off"
ACTIONS: Final = ("browse", "send", "purge", "delete", "create", "pause", "resume", "move", "copy", "retry", "remove")


class Capabilities:
    def __init__(self, section: BrokerSection, key: str) -> None:
        self._section, self._key = section, key
        self._denied: dict[str, str] = {}
        self._broker_id: str | None = None

    def deny(self, action: str, reason: str) -> None:
        """`reason` is the broker's own."""
        self._denied[action] = f"denied: {reason}"

    def is_of(self, broker_id: str | None) -> None:
        """Who answers now: another broker, or one that was started anew, may have another policy."""
        if broker_id != self._broker_id:
            self._denied.clear()
        self._broker_id = broker_id

    def why_not(self, action: str) -> str | None:
        """None: as far as we know it may be done."""
        if action != "browse" and not self._section.write:
            return f"read-only: {self._key}.write is false in the configuration"
        return self._denied.get(action)

    def table(self, stomp_trouble: str | None = None) -> dict[str, bool | str]:
        """Each action, and STOMP: True, or why not. `stomp_trouble`: what its last use met, None where it went well or is not tried yet."""
        found: dict[str, bool | str] = {action: self.why_not(action) or True for action in ACTIONS}
        return {**found, "stomp": f"{self._key}.stomp is not set" if self._section.stomp is None else stomp_trouble or True}
