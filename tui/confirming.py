"""The question before an action, with what it would do counted now. A value that answers and keys change; no Textual, no I/O.

Cancel is chosen until somebody chooses otherwise. Yes means nothing before everything is counted, nor where all is refused; what a name
must be typed for is done by Enter behind the right name alone.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from backends.questions import Preview
from tui.actions.plan import Argument
from tui.editing import Text
from tui.format import clip, count, number, visible, width
from tui.line import Line, Piece, fit_line, wrap

Outcome = Literal["yes", "no"]
MAX_LISTED = 8  # queues that are listed by name; the rest is counted
MAX_LINES = 12  # of one preview
MAX_WARNINGS = 4


class Ask(NamedTuple):
    """One command to be: what is previewed first."""

    target: str  # the source
    verb: str
    queue: str
    arguments: dict[str, Argument]


class Confirmation:
    def __init__(self, title: str, yes: str, asks: Sequence[Ask], note: str = "") -> None:
        self.title, self.yes, self.asks, self.note = title, yes, tuple(asks), note
        self.previews: list[Preview | str | None] = [None] * len(self.asks)  # a text: why there is none
        self.typed = Text()
        self.is_on_yes = False
        self.trouble = ""

    def is_told(self, index: int, found: Preview | str) -> None:
        self.previews[index] = found
        self.trouble = ""  # that it was still counting

    @property
    def counted(self) -> int:
        return sum(preview is not None for preview in self.previews)

    @property
    def is_counted(self) -> bool:
        return self.counted == len(self.asks)

    @property
    def doable(self) -> list[tuple[Ask, Preview]]:
        """Those that nothing speaks against."""
        pairs = zip(self.asks, self.previews, strict=True)
        return [(ask, preview) for ask, preview in pairs if isinstance(preview, Preview) and preview.refused is None]

    @property
    def word(self) -> str | None:
        """What is to be typed; None: yes is enough."""
        doable = self.doable
        if not self.is_counted or not any(preview.typed is not None for _, preview in doable):
            return None
        return doable[0][1].typed if len(self.asks) == 1 else count(len(doable), "queue")

    @property
    def why_not(self) -> str:
        """Why yes means nothing yet."""
        if not self.is_counted:
            return "still counting: nothing is done before that"
        return "" if self.doable else "there is nothing to confirm"

    # -- keys ---------------------------------------------------------------------------------------------------------------------------

    def press(self, key: str, character: str | None) -> Outcome | None:
        self.trouble = ""
        if key == "escape":
            return "no"
        if self.word is not None:
            return self._on_word(key, character)
        if key in ("left", "right", "up", "down", "tab", "shift+tab"):
            self.is_on_yes = not self.is_on_yes
        elif key == "enter":
            return self._said_yes() if self.is_on_yes else "no"
        elif character == "y":
            return self._said_yes()
        elif character in ("n", "q"):
            return "no"
        return None

    def paste(self, text: str) -> None:
        if self.word is not None:
            self.typed.insert(text)
            self.trouble = ""

    def _said_yes(self) -> Outcome | None:
        self.trouble = self.why_not
        return None if self.trouble else "yes"

    def _on_word(self, key: str, character: str | None) -> Outcome | None:
        if key != "enter":
            self.typed.press(key, character)
            return None
        if self.typed.value.strip() == self.word:
            return "yes"
        typed = f"that is not the name: {visible(self.typed.value)!r}" if self.typed.value.strip() else "nothing was typed"
        self.trouble = f"{typed}; type {visible(self.word or '')}, or Esc leaves everything as it is"
        return None

    # -- how it looks -------------------------------------------------------------------------------------------------------------------

    def lines(self, cells: int) -> tuple[list[Line], tuple[int, int]]:
        """All of it, and where the cursor of the text is, as cell and line, or (-1, -1)."""
        lines: list[Line] = [(Piece(part, "title"),) for part in wrap(visible(self.title), cells)]
        if self.note:
            lines += [(Piece(part, "warn"),) for part in wrap(visible(self.note), cells)[:4]]
        lines += [(), *self._told(cells), ()]
        cursor = (-1, -1)
        if (word := self.word) is not None:
            lines += [(Piece(part),) for part in wrap(f"Type {visible(word)} and Enter:", cells)]
            (row, *_), x, _ = self.typed.window(cells - 3, 1)
            shown = clip(visible(row), cells - 3)
            lines.append((Piece("› ", "mark"), Piece(shown), Piece("_" * (cells - 3 - width(shown)), "line")))
            cursor = (2 + x, len(lines) - 1)
        if self.trouble:
            lines += [(Piece(part, "error"),) for part in wrap(self.trouble, cells)]
        return [*lines, fit_line(self._buttons(), cells)], cursor

    def _told(self, cells: int) -> list[Line]:
        if len(self.asks) == 1:
            return self._one(cells)
        lines = self._listed(cells)
        if not self.is_counted:
            return [*lines, (Piece(f"counting… {self.counted} of {len(self.asks)}", "accent"),)]
        pending = sum(int(preview.expect.get("pending") or 0) for _, preview in self.doable)
        left_out = len(self.asks) - len(self.doable)
        total = f"{count(len(self.doable), 'queue')}, {count(pending, 'message')} in all"
        lines.append((Piece(total + (f"; {left_out} left out" if left_out else ""), "title"),))
        return lines + _warnings([warning for _, preview in self.doable for warning in preview.warnings], cells)

    def _one(self, cells: int) -> list[Line]:
        preview = self.previews[0]
        if preview is None:
            return [(Piece("counting…", "accent"),)]
        if isinstance(preview, str):
            return [(Piece(part, "error"),) for part in wrap(f"it could not be counted: {visible(preview)}", cells)]
        parts = [part for text in preview.lines for part in wrap(visible(text), cells)]
        lines: list[Line] = [(Piece(part),) for part in parts[:MAX_LINES]]
        lines += _warnings(preview.warnings, cells)
        if preview.refused is not None:
            lines += [(Piece(part, "error"),) for part in wrap(f"refused: {visible(preview.refused)}", cells)]
        return lines

    def _listed(self, cells: int) -> list[Line]:
        """What speaks against it first: that is what one has to read."""
        pairs = sorted(zip(self.asks, self.previews, strict=True), key=lambda pair: _rank(pair[1]))
        lines: list[Line] = []
        for ask, preview in pairs[:MAX_LISTED]:
            text, role = _outcome(preview)
            name = clip(visible(ask.queue), max(10, cells // 2))
            lines.append(fit_line((Piece(f"  {name}  "), Piece(f"{visible(ask.target)}  ", "dim"), Piece(text, role)), cells))
        more = len(pairs) - MAX_LISTED
        return [*lines, *([(Piece(f"  and {number(more)} more", "dim"),)] if more > 0 else [])]

    def _buttons(self) -> Line:
        is_live = not self.why_not and (self.word is None or self.typed.value.strip() == self.word)
        if self.word is not None:
            return (Piece(f" Enter {self.yes} ", "choice" if is_live else "dim"), Piece("  "), Piece(" Esc Cancel ", "choice_active"))
        yes_role = "choice_active" if self.is_on_yes else "choice" if is_live else "dim"
        cancel = "choice" if self.is_on_yes else "choice_active"
        return (Piece(" y ", "key"), Piece(f" {self.yes} ", yes_role), Piece("  "), Piece(" n ", "key"), Piece(" Cancel ", cancel))


def _rank(preview: Preview | str | None) -> int:
    return 0 if isinstance(preview, str) or (preview is not None and preview.refused is not None) else 1


def _outcome(preview: Preview | str | None) -> tuple[str, str]:
    if preview is None:
        return "counting…", "accent"
    if isinstance(preview, str):
        return f"left out: {visible(preview)}", "error"
    if preview.refused is not None:
        return f"left out: {visible(preview.refused)}", "error"
    pending = preview.expect.get("pending")
    return (count(int(pending), "message") if isinstance(pending, int | float) else visible(" ".join(preview.lines[:1]))), ""


def _warnings(warnings: Sequence[str], cells: int) -> list[Line]:
    distinct = list(dict.fromkeys(warnings))
    lines: list[Line] = [(Piece(part, "warn"),) for text in distinct[:MAX_WARNINGS] for part in wrap(f"▴ {visible(text)}", cells)]
    more = len(distinct) - MAX_WARNINGS
    return [*lines, *([(Piece(f"▴ and {number(more)} more warnings", "warn"),)] if more > 0 else [])]
