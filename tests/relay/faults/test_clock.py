"""A wall clock that jumps days ahead and comes back: what was stored stays remembered."""

import time
from pathlib import Path

import pytest

from relay.config import Receiver, Relay
from tests.relay.records import request, response
from tests.relay.running import partner, published, running


async def test_a_record_sent_again_after_the_clock_jumped_is_stored_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wall, jumps = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: wall() + jumps[-1])
    config = Relay(directory=str(tmp_path), min_free=0, receivers=[Receiver(name="a", listen="127.0.0.1:0")])
    async with running(config) as relay, partner(relay.status()) as peer:
        for number, jump in enumerate((0.0, 10 * 86400.0, 0.0), start=1):
            jumps.append(jump)
            await peer.send(request(1) + request(1 + number))
            assert (await peer.answer(), await peer.answer()) == (response(1, 200), response(1 + number, 200))
            for receiver in relay.receivers:
                await receiver.tick()
    lines = published(tmp_path / "inbox/a").splitlines(keepends=True)
    assert sorted(lines) == [request(number) for number in (1, 2, 3, 4)]
