"""What comes and goes in the queues of the demonstration while nobody touches them: a function of the seconds since the start.

The messages of a queue are numbered as they come. Those from `tail` up to `head` are in it, so whoever asks for one, counts them or looks
at the age of the oldest finds the same.
"""

from typing import Final, NamedTuple

from backends.demo.scene import CONSUMER_STALLED, DEAD_LETTERS, ROUND, noise, wave, within

DAY: Final = 86_400.0  # what a broker's counters show was counted since then
STALLED_QUEUE: Final = "settlement.in"
STALLED_RATE: Final = 100.0  # messages a second; its consumers stall with 40 of them
GROWS_BY: Final = 60.0  # messages a second, while they stall
DEAD_QUEUE: Final = "orders.dlq"
DEAD_RATE: Final = 1.2  # dead letters a second
DEAD_A_ROUND: Final = int(1 + (DEAD_LETTERS[1] - DEAD_LETTERS[0]) * DEAD_RATE)
BUFFER: Final = 20  # numbers between what has come for certain and what is in the queue

QUEUES: Final = {
    "broker-a": (
        "orders.in",
        "orders.out",
        "orders.dlq",
        "payments.in",
        "payments.dlq",
        "settlement.in",
        "refunds.in",
        "mail.out",
        "알림.대기",
    ),
    "broker-b": ("edge.in", "edge.out", "edge.dlq", "sensor.raw"),
}


class Flow(NamedTuple):
    """The traffic of one queue."""

    name: str

    @property
    def is_dead(self) -> bool:
        return self.name.endswith(".dlq")

    @property
    def rate(self) -> float:
        """Messages a second that come; of dead letters there are only those of the incident."""
        if self.is_dead:
            return 0.0
        return STALLED_RATE if self.name == STALLED_QUEUE else 20 + 200 * noise(self.name, 1)

    @property
    def consumers(self) -> int:
        return 0 if self.is_dead else 4

    @property
    def producers(self) -> int:
        return 0 if self.is_dead else 2

    def pending(self, at: float) -> int:
        if self.is_dead:
            dead = self.dead(at)
            return 0 if dead is None else int(1 + dead * DEAD_RATE)
        stalled = self.stalled(at)
        return int(noise(self.name, int(at / 5)) * 12) if stalled is None else int(40 + stalled * GROWS_BY)

    def dead(self, at: float) -> float | None:
        """Seconds since dead letters began to gather here."""
        return within(DEAD_LETTERS, at) if self.name == DEAD_QUEUE else None

    def stalled(self, at: float) -> float | None:
        return within(CONSUMER_STALLED, at) if self.name == STALLED_QUEUE else None

    def head(self, at: float) -> int:
        """Number of the message that comes next."""
        if not self.is_dead:
            return int(self.rate * (at + DAY)) + BUFFER
        rounds = self._rounds(at)
        return DEAD_A_ROUND * rounds + self.pending(at)

    def tail(self, at: float) -> int:
        """Number of the oldest message that is in the queue, if there is any."""
        return self.head(at) - self.pending(at)

    def came(self, number: int) -> float:
        """Seconds since the start; before it for what was in the queue already."""
        if not self.is_dead:
            return (number - BUFFER) / self.rate - DAY
        rounds, index = divmod(number, DEAD_A_ROUND)
        return rounds * ROUND + DEAD_LETTERS[0] + max(0, index - 1) / DEAD_RATE

    def enqueue_per_s(self, at: float) -> float:
        if self.is_dead:
            return 0.0 if self.dead(at) is None else DEAD_RATE
        return round(wave(self.name, at, self.rate), 1)

    def dequeue_per_s(self, at: float) -> float:
        if self.is_dead:
            return 0.0
        comes = self.enqueue_per_s(at)
        return comes if self.stalled(at) is None else round(comes * (1 - GROWS_BY / STALLED_RATE), 1)

    def _rounds(self, at: float) -> int:
        """How often dead letters gathered here, and were taken away."""
        if self.name != DEAD_QUEUE:
            return 0
        rounds = int(at // ROUND)
        return rounds + (at % ROUND >= DEAD_LETTERS[1])
