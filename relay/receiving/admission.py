"""Who may connect to a receiver, and how many. Pure: addresses in, verdicts out."""

import ipaddress
from collections import Counter
from collections.abc import Callable
from enum import Enum
from typing import Final

from relay.config import Receiver

MAX_VERDICTS: Final = 4096  # addresses; reading one costs as much as taking a record


class Verdict(Enum):
    WELCOME = "welcome"
    BUSY = "busy"  # over a limit: it is told so
    FOREIGN = "foreign"  # not on the allow-list: it is told nothing


class Admission:
    """`is_full`: the whole process has as many connections as it has file descriptors to spare."""

    def __init__(self, config: Receiver, is_full: Callable[[], bool]) -> None:
        self.change(config)
        self._is_full = is_full
        self._by_address: Counter[str] = Counter()
        self._inside = 0
        self.is_open = True  # False: everybody is told that we are busy
        self.foreign = 0
        self.busy = 0

    def change(self, config: Receiver) -> None:
        """Of whoever comes from now on; nobody is sent away."""
        self._allowed = [ipaddress.ip_network(network) for network in config.allow]
        self._most = config.max_connections
        self._most_of_one = config.max_connections_per_address
        self._verdicts: dict[str, bool] = {}  # of addresses that came before

    def judge(self, address: str) -> Verdict:
        """Counts what it refuses; whom it welcomes is counted by `enter`."""
        is_allowed = self._verdicts.get(address)
        if is_allowed is None:
            if len(self._verdicts) >= MAX_VERDICTS:
                self._verdicts.clear()
            is_allowed = self._verdicts[address] = self._is_allowed(address)
        if not is_allowed:
            self.foreign += 1
            return Verdict.FOREIGN
        if not self.is_open or self._is_full() or self._inside >= self._most or self._by_address[address] >= self._most_of_one:
            self.busy += 1
            return Verdict.BUSY
        return Verdict.WELCOME

    def _is_allowed(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        return any(found in network for network in self._allowed)

    def enter(self, address: str) -> None:
        self._by_address[address] += 1
        self._inside += 1

    def leave(self, address: str) -> None:
        self._inside -= 1
        self._by_address[address] -= 1
        if self._by_address[address] <= 0:
            del self._by_address[address]
