"""The console: a Textual application over a link. Wiring only: what is shown is made by panes and views, what is done goes over the link.

One paint a second, never one a message. Nothing that a key starts is waited for: commands run beside, and say what came of them.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Coroutine, Mapping
from typing import Any, ClassVar

from rich.color import ColorSystem
from rich.console import RenderableType
from textual import events
from textual._compositor import CompositorUpdate
from textual.app import App
from textual.screen import Screen
from textual.timer import Timer

from backends.snapshots import Relay
from monitor.replica import Link
from tui import commands, keys
from tui.actions import Act, Refused, Send, offered
from tui.format import count
from tui.hangul import to_qwerty
from tui.options import ConsoleOptions
from tui.painter import Painter
from tui.screens.deck import Deck
from tui.terminal import WayOut, draws_wide, is_gone, unfit
from tui.theme import SHIPPED, Palette, ThemeError, colourless, find_theme, theme_files
from tui.widgets.ink import Ink, textual_theme
from tui.widgets.prompt import Prompt

log = logging.getLogger("relay_console.console")

FIRST_LOOKS = 0.05  # seconds between two paints while the first data comes in
FIRST_LOOKS_LAST = 3.0  # seconds after the start
STALLED_WRITES = 3  # updates that wait for the terminal: more are not added, the next one will hold what they would have shown
CATCH_UP = 0.2  # seconds until we look whether a stalled terminal reads again
STOP_LASTS = 15.0  # seconds that a daemon may take to drain its relay; then it ends without a witness
STOP_LOOKS = 0.05
TWICE = 2.0  # seconds within which a second Ctrl-C means it
SYNC_FROM = 256  # bytes from which an update is worth being bracketed, so that the terminal shows it at once
COLOURS = {"standard": ColorSystem.STANDARD, "256": ColorSystem.EIGHT_BIT, "truecolor": ColorSystem.TRUECOLOR}


class Console(App[None], inherit_bindings=False):
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    TITLE = "relay-console"
    ESCAPE_TO_MINIMIZE: ClassVar[bool] = False

    def __init__(self, link: Link, options: ConsoleOptions) -> None:
        self.link = link
        self.options = options
        self.ink = Ink(load_theme(options.theme, options), ascii_only=options.ascii)
        super().__init__()
        self.animation_level = "none"
        self.deck = Deck()
        self.keys = (*keys.pane_keys([(p.key, p.name, p.title) for p in self.deck.panes.values()]), *keys.KEYS)
        self.commands = (*commands.pane_commands([(p.name, p.title) for p in self.deck.panes.values()]), *commands.COMMANDS)
        self.paused_since: float | None = None
        self.hangul = False
        self.crash: BaseException | None = None
        self.way_out = WayOut()
        self._painter = Painter()
        self._behind = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timer: Timer | None = None
        self._began = self.clock()
        self._version = -1
        self._prompt: Prompt | None = None
        self._history: dict[str, list[str]] = {":": [], "/": []}
        self._filter_before = ""
        self._interrupted = 0.0

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
        if self.options.filter and not self.deck.on_wall:
            with contextlib.suppress(ValueError):
                self.deck.listing.set_filter(self.options.filter, self.clock())
        self._tick()

    def _catch_signals(self) -> None:
        if self.is_headless:
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            loop.add_signal_handler(number, self.leave, 128 + number)

    def beside(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        """Runs it in this loop without waiting. A bug in it is logged and told; the console goes on."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s ended by a bug", task.get_name(), exc_info=error)
            self.deck.say(f"{task.get_name()} failed: {error!r}; the log has more", "error")

    def leave(self, code: int) -> None:
        """Ends the console, however the terminal behaves."""
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

    # -- paint --------------------------------------------------------------------------------------------------------------------------

    def _display(self, screen: Screen[Any], renderable: RenderableType | CompositorUpdate | None) -> None:
        """Where Textual hands over an update: only cells that differ are written, and nothing while the terminal does not read."""
        if self.is_headless or not isinstance(renderable, CompositorUpdate) or self._driver is None or self._batch_count:
            super()._display(screen, renderable)  # type: ignore[arg-type]
            return
        try:
            columns, rows = self.size
            if self._stalled() or (self._behind and not self._is_whole(renderable)):
                self._fall_behind()
            elif not self._painter.fits(columns, rows) and not self._is_whole(renderable):
                self.call_next(screen.refresh)
            else:
                self._behind = False
                self._write(self._painter.paint(renderable, columns, rows, COLOURS.get(self.console.color_system or "")))
        except Exception as error:
            self._handle_exception(error)
        finally:
            self.post_display_hook()

    def _is_whole(self, update: CompositorUpdate) -> bool:
        return type(update).__name__ == "LayoutUpdate"

    def _write(self, sequence: str) -> None:
        if not sequence or self._driver is None:
            return
        if self.cursor_position != (0, 0):  # of an input: the Korean input method composes there
            x, y = self.cursor_position
            sequence += f"\x1b[{y + 1};{x + 1}H"
        if self._sync_available and len(sequence) > SYNC_FROM:
            sequence = f"\x1b[?2026h{sequence}\x1b[?2026l"
        self._driver.write(sequence)
        self._driver.flush()

    def _stalled(self) -> bool:
        queue = getattr(getattr(self._driver, "_writer_thread", None), "_queue", None)
        return queue is not None and queue.qsize() >= STALLED_WRITES

    def _fall_behind(self) -> None:
        if not self._behind:
            self._behind = True
            self.set_timer(CATCH_UP, self._catch_up)

    def _catch_up(self) -> None:
        if self._stalled():
            self.set_timer(CATCH_UP, self._catch_up)
        else:
            self.screen.refresh()

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
        if key.where != "relay":
            return None
        plan = offered(key.action, self.deck.marked(), writable=self.writable)
        return plan.reason if isinstance(plan, Refused) else None

    def on_key(self, event: events.Key) -> None:
        if self.screen is not self.deck or self._prompt is not None:
            return
        event.stop()
        event.prevent_default()
        character = event.character if event.is_printable else None
        for pressed in to_qwerty(character) if character and character != " " else (event.key,):
            self.hangul = character is not None and pressed != character
            self.press(pressed)

    def press(self, pressed: str) -> None:
        """One key, as the table of keys writes it."""
        live = keys.live(self.keys, self.deck.where())
        if (key := keys.find(live, pressed)) is not None:
            self.do(key)

    def do(self, key: keys.Key) -> None:
        if key.where == "relay":
            self._act(key.action)
            return
        name = f"do_{key.action}"
        handler = getattr(self.deck, name, None) or getattr(self, name)
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

    def do_redraw(self) -> None:
        self._painter.forget()
        self.screen.refresh()

    def do_suspend(self) -> None:
        self.action_suspend_process()

    def do_refresh(self) -> None:
        self.send([Send("monitor", "refresh", {}, {})])

    def do_interrupt(self) -> None:
        """Ctrl-C: back from whatever is open; the second one within TWICE seconds quits and leaves the daemon as it is."""
        if self.clock() - self._interrupted < TWICE:
            self.leave(128 + signal.SIGINT)
            return
        self._interrupted = self.clock()
        self.deck.do_back()
        self.deck.say("Ctrl-C again quits the console; q asks about the daemon")

    def do_quit(self) -> None:
        if self.deck.detail_focused:
            self.deck.do_back()
        elif self.link.state.started_by_us and self.link.state.connected:
            self._ask_to_stop()
        else:
            self.leave(0)

    def _ask_to_stop(self) -> None:
        from tui.screens.dialog import Choice, Dialog

        live = sum(s.data.connections_total for s in self.link.store.of_kind("relay") if isinstance(s.data, Relay))
        choices = (
            Choice("s", f"Stop it ({count(live, 'live connection')})", "stop"),
            Choice("l", "Leave it running", "leave"),
            Choice("c", "Cancel", ""),
        )
        lines = ("It keeps receiving and sending while no console is open.", "Stopping answers what was received, publishes it, and ends.")
        self.push_screen(Dialog("This console started the daemon. Stop it too?", lines, choices, 1), self._quit)

    def _quit(self, choice: str | None) -> None:
        if choice == "leave":
            self.leave(0)
        elif choice == "stop":
            self.deck.say("stopping the daemon …")
            self.beside(self._stop(), "stop")

    async def _stop(self) -> None:
        reply = await self.link.command("monitor", "stop")
        if not reply.ok:
            self.deck.say(f"the daemon was not stopped: {reply.text}", "error")
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_LASTS):
                while self.link.state.connected:  # who starts it again at once must not meet the old one
                    await asyncio.sleep(STOP_LOOKS)
        self.leave(0)

    # -- actions ------------------------------------------------------------------------------------------------------------------------

    def _act(self, verb: str) -> None:
        from tui.screens.dialog import Choice, Dialog

        plan = offered(verb, self.deck.marked(), writable=self.writable)
        if isinstance(plan, Refused):
            self.deck.say(plan.reason, "warn")
            return
        choices = (Choice("y", plan.yes, "yes"), Choice("n", "Cancel", ""))

        def answered(choice: str | None, plan: Act = plan) -> None:
            if choice == "yes":
                self.deck.listing.marks.clear()
                self.send(plan.sends)

        self.push_screen(Dialog(plan.title, plan.lines, choices, 1), answered)

    def send(self, sends: "tuple[Send, ...] | list[Send]") -> None:
        self.beside(self._send(sends), "command")

    async def _send(self, sends: "tuple[Send, ...] | list[Send]") -> None:
        failed = 0
        for number, send in enumerate(sends, 1):
            reply = await self.link.command(send.target, send.verb, send.arguments, send.expect)
            failed += not reply.ok
            tally = f"{number} of {len(sends)}, {failed} refused: " if len(sends) > 1 else ""
            self.deck.say(tally + reply.text, "message" if reply.ok else "error")
        self.deck.draw()

    # -- prompt -------------------------------------------------------------------------------------------------------------------------

    def meant(self) -> list[str] | None:
        """What the prompt could mean, for the line of hints; None when there is no prompt."""
        if self._prompt is None:
            return None
        if self._prompt.sign == "/":
            return [
                f"{self.deck.listing.shown:,} of {self.deck.listing.total:,}",
                "RE",
                "!RE inverse",
                "~fuzzy",
                "Enter keeps",
                "Esc as before",
            ]
        return self._prompt.meant or ["no such command"]

    def do_command(self) -> None:
        self._open_prompt(":", "")

    def do_filter(self) -> None:
        if self.deck.on_wall:
            self.deck.say("the overview has no filter; open a pane first (1 to 5)")
            return
        self._filter_before = self.deck.listing.filter_text
        self._open_prompt("/", self._filter_before)

    def _open_prompt(self, sign: str, value: str) -> None:
        self._prompt = Prompt(sign, value, self._history[sign], self._complete if sign == ":" else lambda line: [])
        self._prompt.look_ahead()
        self.deck.mount(self._prompt)
        self._prompt.focus()
        self.deck.draw_bottom()

    def _close_prompt(self) -> None:
        if self._prompt is not None:
            self._prompt.remove()
            self._prompt = None
            self.cursor_position = self.cursor_position.__class__(0, 0)
            self.deck.draw()

    def _complete(self, line: str) -> list[str]:
        return commands.complete(line, self.commands, self._choices)

    def _choices(self, name: str) -> list[str]:
        if name == "theme":
            return sorted(theme_files((SHIPPED, *self.options.theme_directories)))
        if name == "sort":
            return [column.key for group in self.deck.listing.groups for column in group.columns]
        return []

    def on_prompt_left(self) -> None:
        if self._prompt is not None and self._prompt.sign == "/":
            self.deck.listing.set_filter(self._filter_before, self.deck.now)
        self._close_prompt()

    def on_input_changed(self, event: Prompt.Changed) -> None:
        prompt = self._prompt
        if prompt is None:
            return
        if not prompt.value.startswith(prompt.sign):
            self.on_prompt_left()
            return
        prompt.look_ahead()
        if prompt.sign == "/":
            with contextlib.suppress(ValueError):
                self.deck.listing.set_filter(prompt.line, self.deck.now)
            self.deck.draw()
        self.deck.draw_bottom()

    def on_input_submitted(self, event: Prompt.Submitted) -> None:
        prompt = self._prompt
        if prompt is None:
            return
        prompt.remember()
        self._close_prompt()
        try:
            if prompt.sign == "/":
                self.deck.listing.set_filter(prompt.line, self.deck.now)
            elif prompt.line.strip():
                self.run_command(prompt.line)
        except (ValueError, commands.CommandError, ThemeError) as error:
            self.deck.say(str(error), "error")

    def run_command(self, line: str) -> None:
        """Raises CommandError, ThemeError or ValueError with a sentence."""
        typed = commands.parse(line, self.commands)
        if typed.name in self.deck.panes:
            self.deck.do_pane(typed.name)
        elif typed.name == "filter":
            self.deck.listing.set_filter(typed.argument, self.deck.now)
            self.deck.draw()
        elif typed.name == "sort":
            self.deck.sort_by(typed.argument)
        elif typed.name == "theme":
            self._apply_theme(load_theme(typed.argument, self.options))
            self.do_redraw()
        else:
            getattr(self, f"do_{typed.name}")()


def load_theme(name: str, options: ConsoleOptions) -> Palette:
    """Raises ThemeError."""
    palette = find_theme(name, (SHIPPED, *options.theme_directories))
    return colourless(palette) if options.no_color else palette


def settle(options: ConsoleOptions, environment: Mapping[str, str]) -> ConsoleOptions:
    """The options, with what the environment says about colours."""
    import msgspec

    return msgspec.structs.replace(options, no_color=True) if environment.get("NO_COLOR") else options


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
    console.run(mouse=options.mouse)
    console.way_out.disarm()
    if console.crash is not None:
        console.way_out.restore()
        print(f"relay-console: the console ended by a bug: {console.crash!r}", file=sys.stderr)
        print("relay-console: the daemon goes on; the log has more (relay-console info says where it is)", file=sys.stderr)
        return 1
    return console.return_code or 0
