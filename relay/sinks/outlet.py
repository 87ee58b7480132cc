"""What a broker is to the relay, whichever it is: something that takes lines in order and says which of them it has. And what a receiver
stores into, whichever that is.

Trouble is said in two ways, as for a disk: a record that the broker will never take is a refusal; anything that leaves open whether a
record is stored is `StorageFailed`, and its text names the broker.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from relay.storage.commit import Disk, Refusals, Store


class Outlet(Protocol):
    """A broker that takes records. Called by one thread at a time; blocks, never longer than its configured timeout plus a second."""

    @property
    def name(self) -> str:
        """As in messages: "kafka topic in at localhost:9092"."""

    def deliver(self, lines: Sequence[bytes], keys: Sequence[bytes]) -> Refusals:
        """Lines without their newline, `keys` their process numbers; in order. Connects when it has to.

        When it returns, the broker has all of them durably but for the refusals (process number -> code, 413: too large for the
        broker). Raises StorageFailed (`is_space=False`) when that is not known of the rest.
        """

    def close(self) -> None:
        """Lets go of the connection; what was delivered stays delivered. Blocks as deliver does."""


class Spool(Store, Protocol):
    """The inbox, a broker, or both, one behind the other."""

    @property
    def place(self) -> Path:
        """The directory on whose disk it depends."""

    @property
    def disk(self) -> Disk: ...

    def has_room(self) -> bool:
        """For one more record. Raises OSError."""

    def flush(self, now: float) -> None:
        """Publishes what there is; more may come."""
