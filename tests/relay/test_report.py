"""Which connections are told of when there are too many to tell of all."""

from types import SimpleNamespace
from typing import Any

import pytest

from relay import report
from relay.status import ConnectionStatus


def connection(number: int, *, trouble: bool = False) -> Any:
    def status(name: str, now: float) -> ConnectionStatus:
        return ConnectionStatus(number, name, "in", "p", 0.0, "idle", 0, 0, 0, {}, None, None)

    return SimpleNamespace(id=number, session=SimpleNamespace(is_in_trouble=trouble), status=status)


def receiver(name: str, *connections: Any) -> Any:
    return SimpleNamespace(config=SimpleNamespace(name=name), connections={each.id: each for each in connections})


def sender(*statuses: ConnectionStatus) -> Any:
    return SimpleNamespace(connection_statuses=lambda: iter(statuses))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MAX_CONNECTIONS_SHOWN", 6)
    monkeypatch.setattr(report, "MAX_IN_TROUBLE", 3)


def shown(*receivers: Any, senders: Any = ()) -> tuple[int, list[int]]:
    total, found = report.window(receivers, senders, 0.0)
    return total, [each.id for each in found]


def test_as_long_as_there_is_room_all_are_shown_the_newest_first() -> None:
    assert shown(receiver("a", connection(1), connection(4)), receiver("b", connection(3))) == (3, [4, 3, 1])


def test_then_those_in_trouble_and_the_newest_of_all_receivers() -> None:
    a = receiver("a", *(connection(number, trouble=number == 2) for number in range(0, 40, 2)))
    b = receiver("b", *(connection(number) for number in range(1, 41, 2)))
    assert shown(a, b) == (40, [39, 38, 37, 36, 35, 2])


def test_a_flood_of_bad_partners_does_not_hide_the_others() -> None:
    a = receiver("a", *(connection(number, trouble=number < 20) for number in range(40)))
    assert shown(a) == (40, [39, 38, 37, 19, 18, 17])


def test_outgoing_connections_are_always_among_them() -> None:
    out = ConnectionStatus(1, "s", "out", "p", 0.0, "idle", 0, 0, 0, {}, None, None)
    total, found = shown(receiver("a", *(connection(number) for number in range(2, 40))), senders=(sender(out),))
    assert (total, found) == (39, [39, 38, 37, 36, 35, 1])
