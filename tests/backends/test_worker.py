"""A thread that may hang without anybody else noticing."""

import asyncio
import subprocess
import sys
import threading

import pytest

from backends.worker import Busy, Worker


async def test_a_call_runs_on_the_workers_own_thread_and_gives_its_result() -> None:
    worker = Worker("kafka-main")
    assert await worker.run(lambda: threading.current_thread().name) == "kafka-main"
    worker.close(lambda: None)


async def test_an_exception_comes_back_to_the_caller_and_the_worker_goes_on() -> None:
    worker = Worker("w")
    with pytest.raises(ZeroDivisionError):
        await worker.run(lambda: 1 // 0)
    assert await worker.run(lambda: 7) == 7
    worker.close(lambda: None)


async def test_a_call_that_was_given_up_keeps_the_next_one_out_until_it_ends() -> None:
    worker, gate, ended = Worker("w"), threading.Event(), threading.Event()
    hanging = asyncio.ensure_future(worker.run(lambda: gate.wait(10)))
    await asyncio.sleep(0)
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    with pytest.raises(Busy):
        await worker.run(lambda: 1)
    gate.set()
    worker.close(ended.set)
    assert await asyncio.to_thread(ended.wait, 5)


async def test_closing_runs_the_last_word_on_the_same_thread_and_twice_is_once() -> None:
    worker, said = Worker("w"), threading.Event()
    await worker.run(lambda: None)
    worker.close(said.set)
    worker.close(lambda: pytest.fail("closed twice"))
    assert await asyncio.to_thread(said.wait, 5)
    assert await worker.run(lambda: 7) == 7  # used again after a close
    worker.close(lambda: None)


HUNG = """
import asyncio, threading
from backends.worker import Worker

async def main():
    asyncio.ensure_future(Worker("w").run(threading.Event().wait))
    await asyncio.sleep(0.1)

asyncio.run(main())
"""


def test_a_hung_call_does_not_keep_the_process_from_ending() -> None:
    assert subprocess.run([sys.executable, "-c", HUNG], timeout=20, check=False).returncode == 0


def test_importing_the_kafka_and_offsets_sources_loads_no_client_library() -> None:
    story = "import sys, backends.topics, backends.offsets; print(*({'confluent_kafka', 'kazoo', 'zoneinfo'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", story], timeout=20, check=True, capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("", "")
