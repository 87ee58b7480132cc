"""The console: a Textual application over a link. Wiring only: what is shown is made by panes and views, what is done goes over the link.

One paint a second, never one a message. Nothing that a key starts is waited for: commands run beside, and say what came of them.
"""

import asyncio
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Coroutine, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

from rich.console import RenderableType
from textual import events
from textual.screen import Screen
from textual.timer import Timer

from monitor.replica import Link
from tui import keys
from tui.acting import act, send
from tui.actions.plan import Refused, Send
from tui.actions.relay import offered
from tui.asking import Asker
from tui.browsing import Browsing
from tui.command_line import CommandLine
from tui.commanding import Commanding
from tui.hands import Hands
from tui.hangul import to_qwerty
from tui.leaving import ask_to_stop
from tui.options import ConsoleOptions
from tui.painted import PaintedApp
from tui.screens.deck import Deck
from tui.taking import Takings
from tui.terminal import WayOut, drawing, draws_wide, forget_unsent, is_gone, unfit
from tui.theme import SHIPPED, Palette, ThemeError, colourless, find_theme
from tui.widgets.ink import Ink, textual_theme
from tui.widgets.prompt import Prompt

log = logging.getLogger("relay_console.console")

FIRST_LOOKS = 0.05  # seconds between two paints while the first data comes in
FIRST_LOOKS_LAST = 3.0  # seconds after the start
TWICE = 2.0  # seconds within which a second Ctrl-C means it


class Console(PaintedApp, inherit_bindings=False):
    CSS_PATH = str(Path(__file__).with_name("app.tcss"))
    ENABLE_COMMAND_PALETTE = False
    TITLE = "relay-console"
    ESCAPE_TO_MINIMIZE: ClassVar[bool] = False

    def __init__(self, link: Link, options: ConsoleOptions) -> None:
        self.link = link
        self.options = options
        self.ink = Ink(load_theme(options.theme, options), ascii_only=options.ascii)
        super().__init__()
        self.animation_level = "none"
        self.deck = Deck(options.drawing)
        self.keys = (*keys.pane_keys([(p.key, p.name, p.title) for p in self.deck.panes.values()]), *keys.KEYS)
        self.commanding = Commanding(self)
        self.paused_since: float | None = None
        self.hangul = False
        self.crash: BaseException | None = None
        self.way_out = WayOut()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timer: Timer | None = None
        self._began = self.clock()
        self.line = CommandLine(self)
        self.asker = Asker(link, self.beside, self.clock, self.deck.is_told)
        self.takings = Takings(self)
        self.hands = Hands(self)
        self.browsing = Browsing(self)
        self._interrupted = 0.0
        self._is_left = False

    def clock(self) -> float:
        return time.time()

    # -- life ---------------------------------------------------------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[Any]:
        return self.deck

    def on_mount(self) -> None:
        self._apply_theme(self.ink.palette)
        self._catch_signals()
        self.app_resume_signal.subscribe(self, lambda _: self.do_redraw())
        self.beside(self.link.run(self._news), "link")
        if self.options.view in self.deck.panes:
            self.deck.active = self.options.view
        self._tick()
        try:
            for shelf in self.deck.shelves.values():
                for listing in shelf:
                    listing.set_filter(self.options.filter, self.clock())
        except ValueError as error:
            self.deck.say(f"--filter: {error}", "error")

    def _catch_signals(self) -> None:
        if self.is_headless:
            return
        loop = asyncio.get_running_loop()

        def caught(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.leave, 128 + number)

        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            loop.add_signal_handler(number, self.leave, 128 + number)  # wakes the loop, but its pipe may be full:
            signal.signal(number, caught)  # each key that is typed is a byte in it, and some 280 of them leave no room for a signal

    def beside(self, work: Coroutine[Any, Any, Any], name: str) -> "asyncio.Task[Any]":
        """Runs it in this loop without waiting. A bug in it is logged and told; the console goes on."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s ended by a bug", task.get_name(), exc_info=error)
            self.deck.say(f"{task.get_name()} failed: {error!r}; the log has more", "error")

    def leave(self, code: int) -> None:
        """Ends the console, however the terminal behaves. The first one counts."""
        if self._is_left:
            return
        self._is_left = True
        if not self.is_headless:
            self.way_out.arm(code)
        for task in self._tasks:
            task.cancel()
        self.exit(return_code=code)

    def _handle_exception(self, error: Exception) -> None:
        # Textual would print a traceback with the values of all locals, secrets among them.
        self.crash = self.crash or error
        log.critical("the console ended by a bug", exc_info=error)
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        self._close_messages_no_wait()

    def panic(self, *renderables: RenderableType) -> None:
        self._close_messages_no_wait()

    # -- time ---------------------------------------------------------------------------------------------------------------------------

    def _news(self) -> None:
        """The link has something new: shown at the next tick, which comes at once while the first data arrives."""
        if self.clock() - self._began < FIRST_LOOKS_LAST and self._timer is not None:
            self._schedule(FIRST_LOOKS)

    def _tick(self) -> None:
        now = self.clock()
        if not self.is_headless and is_gone(sys.__stdin__.fileno()):  # type: ignore[union-attr]
            self.leave(128 + signal.SIGHUP)
            return
        self.deck.tick()
        tick = self.options.tick
        self._schedule(tick - now % tick + 0.005)

    def _schedule(self, delay: float) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(delay, self._tick)

    # -- colours ---------------------------------------------------------------------------------------------------------------------------

    def _apply_theme(self, palette: Palette) -> None:
        self.ink = Ink(palette, ascii_only=self.options.ascii)
        theme = textual_theme(palette)
        self.register_theme(theme)
        self.theme = theme.name
        for widget in self.deck.query("Lines"):
            widget.refresh()

    # -- keys ---------------------------------------------------------------------------------------------------------------------------

    @property
    def writable(self) -> bool:
        monitor = self.link.store.monitor
        return not self.options.read_only and monitor is not None and (monitor.write or monitor.demo)

    def why_not(self, key: keys.Key) -> str | None:
        """Why this key would do nothing now; None when it works."""
        if key.action == "on_queue":
            return self.hands.why_not(key.argument)
        if key.action in ("cancel_job", "browse"):
            return self.hands.why_not_cancel() if key.action == "cancel_job" else self.browsing.why_not()
        if key.where != "relay":
            return self.deck.moves.why_not(key.action)
        plan = offered(key.action, self.deck.moves.marked(), writable=self.writable)
        return plan.reason if isinstance(plan, Refused) else None

    async def on_event(self, event: events.Event) -> None:
        """Keys are taken here, in the order in which they were typed. Textual would give each to whatever has the focus when its turn
        comes; a quick hand, or a slow link that brings several keys at once, is quicker than the focus."""
        if isinstance(event, events.Key) and not event.is_forwarded and self.screen is self.deck:
            self._typed(event.key, event.character if event.is_printable else None)
        else:
            await super().on_event(event)

    def on_key(self, event: events.Key) -> None:
        """What a dialog or the help has no use for."""
        if event.key == "ctrl+c":
            self.do_interrupt()

    def _typed(self, key: str, character: str | None) -> None:
        if self.hands.is_between and key != "ctrl+c":
            return
        if self.line.is_open and key != "ctrl+c":
            self.line.typed(key, character)
            return
        for pressed in to_qwerty(character) if character and character != " " else (key,):
            self.hangul = character not in (None, " ", pressed)
            self.press(pressed)

    def press(self, pressed: str) -> None:
        """One key, as the table of keys writes it."""
        self.deck.hints.hush()
        self.deck.trail.page.wants_in = False
        live = keys.live(self.keys, self.deck.where())
        if (key := keys.find(live, pressed)) is not None:
            self.do(key)

    def do(self, key: keys.Key) -> None:
        if key.where == "relay":
            act(self, key.action)
            return
        name = f"do_{key.action}"
        handler = next(getattr(one, name) for one in (self.deck.moves, self.takings, self.hands, self.browsing, self) if hasattr(one, name))
        if key.argument:
            handler(key.argument)
        else:
            handler()

    def do_help(self) -> None:
        from tui.screens.help import Help

        def chosen(key: keys.Key | None) -> None:
            if key is not None:
                self.do(key)

        self.push_screen(Help(keys.live(self.keys, self.deck.where()), self.why_not, f"Keys in {self.deck.pane.title}"), chosen)

    def do_pause(self) -> None:
        self.paused_since = self.clock() if self.paused_since is None else None
        self.deck.draw()

    def do_suspend(self) -> None:
        self.action_suspend_process()

    def do_refresh(self) -> None:
        if self.deck.trail.is_deep:
            self.deck.trail.page.ask_again()
            self.deck.draw()
            return
        send(self, [Send("monitor", "refresh", {}, {})])

    def do_interrupt(self) -> None:
        """Ctrl-C: back from whatever is open; the second one within TWICE seconds quits and leaves the daemon as it is."""
        if self.clock() - self._interrupted < TWICE:
            self.leave(128 + signal.SIGINT)
            return
        self._interrupted = self.clock()
        if self.line.is_open:
            self.line.left()
        elif self.screen is self.deck:
            self.deck.moves.do_back()
        self.deck.say("Ctrl-C again quits the console; q asks about the daemon")

    def do_quit(self) -> None:
        if self.deck.moves.is_away:
            self.deck.moves.do_back()
        elif self.link.state.started_by_us and self.link.state.connected:
            ask_to_stop(self)
        else:
            self.leave(0)

    # -- command line -------------------------------------------------------------------------------------------------------------------

    def do_command(self) -> None:
        self.line.open(":", "")

    def do_filter(self) -> None:
        self.line.open("/", self.deck.listing.filter_text)

    def on_input_changed(self, event: Prompt.Changed) -> None:
        """Pasted text comes this way; for what was typed it is the second time."""
        self.line.changed()

    def run_command(self, line: str) -> None:
        """Raises CommandError, ThemeError or ValueError with a sentence."""
        self.commanding.run(line)

    def do_theme(self, name: str) -> None:
        """Raises ThemeError."""
        self._apply_theme(load_theme(name, self.options))
        self.do_redraw()


def load_theme(name: str, options: ConsoleOptions) -> Palette:
    """Raises ThemeError."""
    palette = find_theme(name, (SHIPPED, *options.theme_directories))
    return colourless(palette) if options.no_color else palette


def settle(options: ConsoleOptions, environment: Mapping[str, str]) -> ConsoleOptions:
    """The options, with what the environment says about colours and about the terminal."""
    import msgspec

    no_color = options.no_color or bool(environment.get("NO_COLOR"))
    return msgspec.structs.replace(options, no_color=no_color, drawing=drawing(environment))


def run(link: Link, options: ConsoleOptions) -> int:
    """The console until it is left; returns the exit code (128 + n after signal n). Says in one line why it cannot be drawn."""
    streams = (sys.__stdin__, sys.__stderr__)
    terminal = [stream is not None and stream.isatty() for stream in streams]
    if (reason := unfit(os.environ, input_is_terminal=terminal[0], output_is_terminal=terminal[1])) is not None:
        print(f"relay-console: {reason}", file=sys.stderr)
        return 1
    options = settle(options, os.environ)
    os.environ.pop("NO_COLOR", None)  # Textual would obey an empty one too, and turn colours into greys
    if not options.ascii and draws_wide():
        import msgspec

        options = msgspec.structs.replace(options, ascii=True)
    try:
        console = Console(link, options)
    except ThemeError as error:
        print(f"relay-console: {error}", file=sys.stderr)
        return 2
    gc.freeze()  # what a start leaves is never garbage: looking through it again and again would hold keys for tens of milliseconds
    console.run(mouse=options.mouse)
    forget_unsent()
    console.way_out.disarm()
    if console.crash is not None:
        console.way_out.restore()
        print(f"relay-console: the console ended by a bug: {console.crash!r}", file=sys.stderr)
        print("relay-console: the daemon goes on; the log has more (relay-console info says where it is)", file=sys.stderr)
        return 1
    return console.return_code or 0
