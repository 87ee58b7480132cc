"""What is asked beside the readings, one at a time."""

import asyncio

import pytest

from backends.activemq.watching.errand import Errand


async def test_while_one_is_under_way_there_is_no_other() -> None:
    errand, begun, gate = Errand(), 0, asyncio.Event()

    async def work() -> None:
        nonlocal begun
        begun += 1
        await gate.wait()

    for _ in range(3):
        errand.begin(work)
        await errand.settle(0.01)
    assert begun == 1
    gate.set()
    await errand.settle(1)
    errand.begin(work)
    await errand.settle(1)
    assert begun == 2
    await errand.close()


async def test_a_bug_in_it_is_raised_when_the_next_would_begin() -> None:
    errand = Errand()

    async def broken() -> None:
        raise ZeroDivisionError

    errand.begin(broken)
    await errand.settle(1)
    with pytest.raises(ZeroDivisionError):
        errand.begin(broken)
    await errand.close()


async def test_closing_ends_it_at_once_and_twice_does_no_harm() -> None:
    errand, ended = Errand(), False

    async def endless() -> None:
        nonlocal ended
        try:
            await asyncio.sleep(60)
        finally:
            ended = True

    errand.begin(endless)
    await errand.settle(0.01)
    async with asyncio.timeout(1):
        await errand.close()
        await errand.close()
    assert ended
