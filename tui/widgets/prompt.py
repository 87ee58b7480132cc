"""The line one types a command or a filter into. Its first character says which: `:` or `/`; deleting that leaves it."""

from collections.abc import Callable

from textual import events
from textual.message import Message
from textual.widgets import Input

MAX_HISTORY = 100  # lines of each kind


class Prompt(Input):
    class Left(Message):
        """The prompt was left without an answer."""

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
        return self.value[1:]

    def type_at_end(self, character: str) -> None:
        self._set(self.line + character)

    def look_ahead(self) -> None:
        self.meant = self._complete(self.line)

    def on_key(self, event: events.Key) -> None:
        if event.key in ("escape", "ctrl+c"):
            self.post_message(self.Left())
            if event.key == "ctrl+c":  # goes on to the console, which counts them
                return
        elif event.key == "tab":
            self._take()
        elif event.key in ("up", "down"):
            self._recall(-1 if event.key == "up" else 1)
        else:
            return
        event.stop()
        event.prevent_default()

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
