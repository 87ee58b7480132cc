"""An application whose screen is written by differences, and that a terminal which does not read cannot hold up.

Textual hands every finished update to `App._display`; from there on it is ours: cells that differ are written, and nothing at all while
earlier writes still wait. What a stalled terminal missed is one difference when it reads again.
"""

from typing import Any

from rich.color import ColorSystem
from rich.console import RenderableType
from textual._compositor import CompositorUpdate, LayoutUpdate
from textual.app import App
from textual.screen import Screen

from tui.painter import Painter

STALLED_WRITES = 3  # updates that wait for the terminal: more are not added, the next one will hold what they would have shown
CATCH_UP = 0.2  # seconds until we look whether a stalled terminal reads again
SYNC_FROM = 256  # bytes from which an update is worth being bracketed, so that the terminal shows it at once
COLOURS = {"standard": ColorSystem.STANDARD, "256": ColorSystem.EIGHT_BIT, "truecolor": ColorSystem.TRUECOLOR}


class PaintedApp(App[None], inherit_bindings=False):
    def __init__(self) -> None:
        super().__init__()
        self._painter = Painter()
        self._behind = False

    def do_redraw(self) -> None:
        """The whole screen anew: something else may have written on it."""
        self._painter.forget()
        self.screen.refresh()

    def to_terminal(self, sequence: str) -> None:
        """Something for the terminal itself, which moves no cursor. Not to one that does not read."""
        if self._driver is not None and not self._stalled():
            self._driver.write(sequence)
            self._driver.flush()

    def _display(self, screen: Screen[Any], renderable: RenderableType | CompositorUpdate | None) -> None:
        """Where Textual hands over an update: only cells that differ are written, and nothing while the terminal does not read."""
        if self.is_headless or not isinstance(renderable, CompositorUpdate) or self._driver is None or self._batch_count:
            super()._display(screen, renderable)  # type: ignore[arg-type]
            return
        try:
            columns, rows = self.size
            if self._stalled() or (self._behind and not isinstance(renderable, LayoutUpdate)):
                self._fall_behind()
            elif not self._painter.fits(columns, rows) and not isinstance(renderable, LayoutUpdate):
                self.call_next(screen.refresh)
            else:
                self._behind = False
                self._write(self._painter.paint(renderable, columns, rows, COLOURS.get(self.console.color_system or "")))
        except Exception as error:
            self._handle_exception(error)
        finally:
            self.post_display_hook()

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
