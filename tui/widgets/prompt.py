"""The line one types a command or a filter into. What it begins with says which: `:`, `/` or `selector: `; deleting of that leaves it."""

from collections.abc import Callable

from textual.widgets import Input

MAX_HISTORY = 100  # lines of each kind

# What a key does in the line, as Textual's Input calls it.
EDITS = {
    "left": "cursor_left",
    "right": "cursor_right",
    "ctrl+left": "cursor_left_word",
    "ctrl+right": "cursor_right_word",
    "home": "home",
    "ctrl+a": "home",
    "end": "end",
    "ctrl+e": "end",
    "backspace": "delete_left",
    "delete": "delete_right",
    "ctrl+d": "delete_right",
    "ctrl+w": "delete_left_word",
    "ctrl+u": "delete_left_all",
    "ctrl+k": "delete_right_all",
}


class Prompt(Input):
    def __init__(self, sign: str, value: str, history: list[str], complete: Callable[[str], list[str]]) -> None:
        super().__init__(value=sign + value, compact=True, id="prompt", select_on_focus=False)
        self.sign = sign
        self.cursor_blink = False
        self._history = history
        self._back = len(history)
        self._complete = complete
        self.meant: list[str] = []  # what could be meant, for the line of hints

    @property
    def line(self) -> str:
        return self.value[len(self.sign) :]

    def look_ahead(self) -> None:
        self.meant = self._complete(self.line)

    def edit(self, key: str, character: str | None) -> None:
        """One key, at once: the console hands them over itself, whether we have the focus yet or not."""
        if character is not None:
            self.insert_text_at_cursor(character)
        elif key == "tab":
            self._take()
        elif key in ("up", "down"):
            self._recall(-1 if key == "up" else 1)
        elif key == "ctrl+u" and self.line:
            self._set(self.line[self.cursor_position - len(self.sign) :] if self.cursor_position >= len(self.sign) else self.line)
            self.cursor_position = len(self.sign)
        elif key in EDITS:
            getattr(self, f"action_{EDITS[key]}")()

    def _take(self) -> None:
        """As much as all that could be meant have in common, or the only one whole."""
        if not self.meant:
            return
        common = self.meant[0]
        for line in self.meant[1:]:
            while not line.startswith(common):
                common = common[:-1]
        if len(self.meant) == 1 and " " not in common:
            common += " "
        self._set(common)

    def _recall(self, step: int) -> None:
        self._back = min(max(0, self._back + step), len(self._history))
        self._set(self._history[self._back] if self._back < len(self._history) else "")

    def _set(self, line: str) -> None:
        self.value = self.sign + line
        self.cursor_position = len(self.value)

    def remember(self) -> None:
        if self.line and self._history[-1:] != [self.line]:
            self._history.append(self.line)
            del self._history[:-MAX_HISTORY]
