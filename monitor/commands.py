"""What a console asks for, and whether it may: a command becomes an action of a source or of the monitor itself, with its audit lines."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from backends.questions import VERBS, leaves_a_mark, question_of
from backends.source import Answer, Unavailable
from backends.wording import span
from link.protocol import MAX_FRAME, Command, Reply
from link.server import Peer
from monitor.audit import Audit, AuditUnwritable
from monitor.engine import Engine

log = logging.getLogger(__name__)

MAX_ANSWER: Final = MAX_FRAME - (64 << 10)  # bytes: what goes over the link in one piece, with its envelope
ASK_DEADLINE: Final = 20.0  # seconds for an answer to a question; somebody sits before it
READ_ONLY: Final = (
    "refused: this monitor is read-only; :write 10m in the console allows actions for a while, console.write: true or --write always"
)
MAX_WINDOW_S: Final = 8 * 3600.0  # a shift: who needs more says so in the configuration


class Commands:
    """`stop` ends the monitor. `acted` hears of every action that was carried out: source, verb, and what to tell the other consoles."""

    def __init__(
        self,
        engine: Engine,
        audit: Audit,
        *,
        write: bool,
        stop: Callable[[], None],
        acted: Callable[[str, str, str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._audit = audit
        self._write = write
        self._write_until = 0.0  # epoch seconds
        self._stop = stop
        self._acted = acted
        self._clock = clock

    @property
    def may_write(self) -> bool:
        return self._write or self.write_until is not None

    @property
    def write_until(self) -> float | None:
        """The end of the window in which actions are allowed; None: there is none, because they always or never are."""
        return None if self._write or self._clock() >= self._write_until else self._write_until

    async def __call__(self, command: Command, peer: Peer) -> Reply:
        if leaves_a_mark(command.verb, command.arguments):
            return await self._marking(command, peer)
        if command.verb in VERBS:
            return await answer_question(self._engine, command)
        answer = await self._answer(command, peer)
        return Reply(command.id, answer.ok, answer.text)

    async def _marking(self, command: Command, peer: Peer) -> Reply:
        """A question like an action: as allowed, and as written down."""
        if not self.may_write:
            await self._note(command, peer, READ_ONLY)
            return Reply(command.id, False, READ_ONLY)
        reply: Reply | None = None

        async def ask() -> Answer:
            nonlocal reply
            reply = await answer_question(self._engine, command)
            return Answer(reply.ok, reply.text)

        answer = await self._audited(command, peer, ask)
        return Reply(command.id, answer.ok, answer.text) if reply is None else reply

    async def _answer(self, command: Command, peer: Peer) -> Answer:
        if command.verb == "refresh":  # changes nothing anywhere
            return self._refresh(command.target)
        if command.target == "monitor" and command.verb == "stop":
            answer = await self._audited(command, peer, self._stopping)
            if answer.ok:
                self._stop()
            return answer
        if command.target == "monitor" and command.verb == "write":
            return await self._audited(command, peer, lambda: self._open_window(command.arguments.get("for_s")))
        if command.target == "monitor":
            return Answer(False, f"the monitor knows no {command.verb!r}; it knows refresh, stop and write")
        if command.target not in self._engine.names:
            return Answer(False, _no_source(command.target, self._engine))
        if not self.may_write:
            await self._note(command, peer, READ_ONLY)
            return Answer(False, READ_ONLY)
        return await self._audited(command, peer, lambda: self._act(command))

    def _refresh(self, target: str) -> Answer:
        if self._engine.refresh(None if target == "monitor" else target):
            return Answer(True, "asking all sources now" if target == "monitor" else f"asking {target} now")
        return Answer(False, f"there is no source {target!r}")

    async def _open_window(self, for_s: object) -> Answer:
        """For anybody who may attach: the socket is only for its owner, and the window is against slips, not against people."""
        if self._write:
            return Answer(False, "actions are always allowed here: console.write is true, or --write was given")
        if not isinstance(for_s, int | float) or not 0 <= for_s <= MAX_WINDOW_S:
            return Answer(False, f"for_s: a number of seconds from 0 to {MAX_WINDOW_S:g}, not {for_s!r}")
        self._write_until = self._clock() + for_s
        return Answer(True, f"actions are allowed for {span(for_s)}" if for_s else "actions are refused from now on")

    async def _stopping(self) -> Answer:
        return Answer(True, "the monitor is stopping")

    async def _act(self, command: Command) -> Answer:
        deadline = self._engine.act_deadline(command.target)
        try:
            async with asyncio.timeout(deadline):
                answer = await self._engine.act(command.target, command.verb, command.arguments, command.expect)
        except TimeoutError:
            return Answer(False, f"no answer within {deadline:g} s; whether '{command.verb}' happened is not known")
        except Unavailable as trouble:
            return Answer(False, trouble.error)
        except Exception as bug:
            log.exception("command %r to %s", command.verb, command.target)
            return Answer(
                False, f"internal error in '{command.verb}' ({type(bug).__name__}); whether it happened is not known, see the log"
            )
        self._acted(command.target, command.verb, f"{command.actor or 'somebody'}: {command.verb}: {answer.text}")
        return answer

    async def _audited(self, command: Command, peer: Peer, action: Callable[[], Awaitable[Answer]]) -> Answer:
        """Refused when the line before it cannot be written; when the one after it cannot, the answer says so."""
        try:
            await self._write_line(command, peer, "before", {})
        except AuditUnwritable as error:
            return Answer(False, f"refused: {error}")
        try:
            answer = await action()
        except asyncio.CancelledError:
            stopped = "the monitor was stopped meanwhile; what was done of it is not known"
            with contextlib.suppress(AuditUnwritable):
                self._audit.write(self._line(command, peer, "after", {"ok": False, "result": stopped}))  # nothing can be awaited any more
            raise
        try:
            await self._write_line(command, peer, "after", {"ok": answer.ok, "result": answer.text})
        except AuditUnwritable as error:
            log.error("%s", error)
            return Answer(answer.ok, f"{answer.text}; but {error}")
        return answer

    async def _note(self, command: Command, peer: Peer, result: str) -> None:
        """Of something that did not happen: kept if it can be."""
        try:
            await self._write_line(command, peer, "refused", {"ok": False, "result": result})
        except AuditUnwritable as error:
            log.error("%s", error)

    async def _write_line(self, command: Command, peer: Peer, phase: str, result: Mapping[str, Any]) -> None:
        await asyncio.to_thread(self._audit.write, self._line(command, peer, phase, result))

    def _line(self, command: Command, peer: Peer, phase: str, result: Mapping[str, Any]) -> Mapping[str, Any]:
        return {
            "time": self._clock(),
            "phase": phase,
            "actor": command.actor,
            "uid": peer.uid,
            "pid": peer.pid,
            "program": peer.program,
            "target": command.target,
            "verb": command.verb,
            "arguments": command.arguments,
            "expect": command.expect,
            **result,
        }


async def answer_question(engine: Engine, command: Command) -> Reply:
    """What a source tells, as the data of a reply; what it cannot tell, in words. Anybody who may look may ask; nothing is written down."""
    if command.target not in engine.names:
        return Reply(command.id, False, _no_source(command.target, engine))
    try:
        question = question_of(command.verb, command.arguments)
    except ValueError as error:
        return Reply(command.id, False, str(error))
    try:
        async with asyncio.timeout(ASK_DEADLINE):
            found = await engine.ask(command.target, question)
        data = msgspec.msgpack.encode(found)
        if len(data) > MAX_ANSWER:
            return Reply(command.id, False, f"{command.target}: the answer has {len(data) >> 20} MiB; ask for less, such as one name")
        return Reply(command.id, True, "", msgspec.Raw(data))
    except TimeoutError:
        return Reply(command.id, False, f"{command.target}: no answer within {ASK_DEADLINE:g} s")
    except Unavailable as trouble:
        return Reply(command.id, False, trouble.error)
    except Exception as bug:
        log.exception("question %r to %s", command.verb, command.target)
        return Reply(command.id, False, f"internal error in '{command.verb}' ({type(bug).__name__}); see the log")


def _no_source(name: str, engine: Engine) -> str:
    return f"there is no source {name!r}; there are {', '.join(engine.names) or 'none'}"
