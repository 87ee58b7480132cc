"""The receivers and senders of a running relay: begun, changed, ended. Each has a stack of its own for what is to be undone at its end."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from typing import Final

from relay.assembly import Assembly, CannotStart, or_cannot_start
from relay.changes import Changes, changes
from relay.config import Receiver as ReceiverConfig
from relay.config import Relay
from relay.config import Sender as SenderConfig
from relay.receiving.receiver import Receiver
from relay.sending.sender import Sender

log = logging.getLogger("relay")

DRAIN_DEADLINE: Final = 5.0  # seconds for partners to read their last answers; a unit that is stopped waits for us
ARRIVAL: Final = 0.05  # seconds in which the loop makes connections of the sockets that it accepted before we stopped it
WRITE_DEADLINE: Final = 20.0  # seconds that a slow disk has for the last batch and the last rename
HURRIED_DEADLINE: Final = 0.5  # the same after a second SIGTERM


class Parts:
    """`trouble(severity, source, text)` reaches the operator."""

    def __init__(self, trouble: Callable[[str, str, str], None]) -> None:
        self._trouble = trouble
        self.receivers: list[Receiver] = []
        self.senders: list[Sender] = []
        self._stacks: dict[Receiver | Sender, contextlib.AsyncExitStack] = {}
        self._runs: dict[Sender, asyncio.Task[None]] = {}

    async def build(self, assembly: Assembly) -> None:
        """Everything is taken, nobody is let in. Raises CannotStart."""
        self._assembly = assembly
        for receiver in assembly.config.receivers:
            await self._build_receiver(assembly, receiver)
        for sender in assembly.config.senders:
            await self._build_sender(assembly, sender)

    async def begin(self) -> None:
        """Raises CannotStart."""
        self._assembly.warn_of_left_sockets()
        for receiver in self.receivers:
            await self._begin_receiver(receiver)
        for sender in self.senders:
            self._begin_sender(sender)

    async def close(self) -> None:
        for stack in list(self._stacks.values()):
            await stack.aclose()

    async def _build_receiver(self, assembly: Assembly, config: ReceiverConfig) -> Receiver:
        async with contextlib.AsyncExitStack() as stack:
            found = assembly.receiver(config, stack)
            self._stacks[found] = stack.pop_all()
        self.receivers.append(found)
        return found

    async def _build_sender(self, assembly: Assembly, config: SenderConfig) -> Sender:
        async with contextlib.AsyncExitStack() as stack:
            found = await assembly.sender(config, stack)
            self._stacks[found] = stack.pop_all()
        self.senders.append(found)
        return found

    async def _begin_receiver(self, receiver: Receiver) -> None:
        with or_cannot_start(f"listening on {receiver.config.listen} for receiver {receiver.config.name}"):
            await receiver.start()
        status = receiver.status()
        log.info(
            "%s: listening on %s, %s", receiver.config.name, receiver.address, f"inbox {status.inbox}" if status.inbox else status.sink
        )

    def _begin_sender(self, sender: Sender) -> None:
        self._runs[sender] = asyncio.create_task(_keep_running(sender))

    # Changing.

    async def change(self, new: Relay) -> Changes:
        """Raises CannotChange or CannotStart; then everything is as it was."""
        found = changes(self._assembly.config, new)
        assembly = self._assembly.successor(new)
        renewed = {config.name: assembly.server_tls(config) for config in found.receivers_different}
        back = [config for config in found.senders_new if config.name in found.senders_gone]  # on the outbox of one that still runs
        for config in back:
            assembly.client_tls(config)
        await self._add(assembly, found, [config for config in found.senders_new if config not in back])
        self._assembly = assembly  # from here on nothing is refused
        for receiver, new_config in [(a, b) for a in self.receivers for b in found.receivers_different if a.config.name == b.name]:
            receiver.change(new_config, renewed[new_config.name])
        gone = [each for each in self.senders if each.config.name in found.senders_gone]
        await self._end([each for each in self.receivers if each.config.name in found.receivers_gone], gone)
        for config in back:
            await self._bring_back(config)
        return found

    async def _add(self, assembly: Assembly, found: Changes, senders: Iterable[SenderConfig]) -> None:
        """All of what is new, or nothing. Raises CannotStart."""
        added: list[Sender] = []
        waiting: list[Receiver] = []
        begun: list[Receiver] = []
        try:
            for receiver in found.receivers_new:
                waiting.append(await self._build_receiver(assembly, receiver))
            for sender in senders:
                added.append(await self._build_sender(assembly, sender))
            while waiting:
                await self._begin_receiver(waiting[0])
                begun.append(waiting.pop(0))
        except CannotStart:
            await self._end(begun, [])
            await self._forget([*waiting, *added])
            raise
        for each_sender in added:
            self._begin_sender(each_sender)

    async def _bring_back(self, config: SenderConfig) -> None:
        try:
            self._begin_sender(await self._build_sender(self._assembly, config))
        except CannotStart as error:  # its directory was ours a moment ago
            self._trouble("critical", config.name, f"the sender is stopped: {error}; its files wait; mend it and send SIGHUP again")
            self._assembly.give_up(config)

    # Ending.

    async def _end(self, receivers: list[Receiver], senders: list[Sender]) -> None:
        """These alone; the others do not notice."""
        if receivers or senders:
            await self.drain(receivers, senders, asyncio.Event())
            await self._forget([*receivers, *senders])

    async def _forget(self, parts: list[Receiver | Sender]) -> None:
        for part in parts:
            await self._stacks.pop(part).aclose()
        self.receivers[:] = [each for each in self.receivers if each not in parts]
        self.senders[:] = [each for each in self.senders if each not in parts]

    async def drain(self, receivers: list[Receiver], senders: list[Sender], now: asyncio.Event) -> bool:
        """What they received is answered and published; at once when `now` is set. False: the disk did not take all of it."""
        runs = [self._runs.pop(each) for each in senders if each in self._runs]
        for receiver in receivers:
            receiver.drain()
        for sender in senders:
            sender.drain()
        drained = asyncio.create_task(_drained(receivers, runs))
        hurried = asyncio.create_task(now.wait())
        await asyncio.wait([drained, hurried], timeout=DRAIN_DEADLINE, return_when=asyncio.FIRST_COMPLETED)
        for task in (drained, hurried, *runs):
            task.cancel()
        await asyncio.gather(drained, hurried, *runs, return_exceptions=True)
        for receiver in receivers:
            receiver.cut()
        for sender in senders:
            await sender.cut()
        deadline = HURRIED_DEADLINE if now.is_set() else WRITE_DEADLINE
        loop = asyncio.get_running_loop()
        done = await asyncio.gather(*(loop.run_in_executor(None, each.finish, deadline) for each in receivers))
        if not all(done):
            log.error("the disk did not take the last records in %g s; what is not published is at the next start", deadline)
        return all(done)

    # Certificates.

    async def look_at_certificates(self) -> None:
        """Reads again those whose files changed."""
        loop = asyncio.get_running_loop()
        for name, files in self._assembly.certificates:
            for severity, text in await loop.run_in_executor(None, files.renew, time.time()):
                self._trouble(severity, name, text)


async def _drained(receivers: list[Receiver], runs: Iterable[asyncio.Task[None]]) -> None:
    await asyncio.sleep(ARRIVAL)
    loop = asyncio.get_running_loop()
    while not all(receiver.is_quiet for receiver in receivers):
        now = loop.time()
        for receiver in receivers:
            for connection in list(receiver.connections.values()):
                connection.tick(now)
        await asyncio.sleep(0.05)
    await asyncio.gather(*runs)


async def _keep_running(sender: Sender) -> None:
    while True:
        try:
            await sender.run()
        except Exception:
            log.exception("%s: a bug in the sender; it starts again in a second", sender.config.name)
            await asyncio.sleep(1.0)
        else:
            return
