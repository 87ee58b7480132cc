"""The commands of this console, and doing what one says. How a line is read is `tui.commands`."""

from typing import TYPE_CHECKING

from tui import commands
from tui.acting import send
from tui.actions.plan import Send
from tui.pane import Group, Pane

if TYPE_CHECKING:
    from tui.app import Console


class Commanding:
    def __init__(self, console: "Console") -> None:
        self._console = console
        panes = list(console.deck.panes.values())
        names = [pane.name for pane in panes]
        tabs = [
            command
            for pane, groups in self._tabbed()
            for command in commands.tab_commands(pane.title, [(group.name, group.title) for group in groups], names)
        ]
        self.commands = (*commands.pane_commands([(pane.name, pane.title) for pane in panes]), *tabs, *commands.COMMANDS)

    def _tabbed(self) -> list[tuple[Pane, tuple[Group, ...]]]:
        store = self._console.link.store
        return [(pane, pane.groups(store)) for pane in self._console.deck.panes.values() if pane.is_tabbed]

    def run(self, line: str) -> None:
        """Raises CommandError, ThemeError or ValueError with a sentence."""
        console = self._console
        typed = commands.parse(line, self.commands)
        tabs = [(pane.name, index, group.name) for pane, groups in self._tabbed() for index, group in enumerate(groups)]
        tab = next(((pane, index) for pane, index, name in tabs if name == typed.name), None)
        if typed.name in console.deck.panes:
            console.deck.moves.do_pane(typed.name)
        elif tab is not None:
            console.deck.moves.go_to_tab(*tab)
        elif typed.name == "filter":
            console.deck.moves.filter_by(typed.argument)
        elif typed.name == "sort":
            console.deck.moves.sort_by(typed.argument)
        elif typed.name == "write":
            self._write(typed.argument)
        elif typed.name == "theme":
            console.do_theme(typed.argument)
        else:
            getattr(console, f"do_{typed.name}")()

    def _write(self, argument: str) -> None:
        """Two things have this name: a file that is written, and actions that are allowed for a while. A file's name has an ending."""
        seconds = commands.window(argument)
        if seconds is None:
            self._console.takings.write(argument)
        elif self._console.options.read_only:
            raise ValueError("this console was started with --read-only, and stays so")
        else:
            send(self._console, [Send("monitor", "write", {"for_s": seconds}, {})])
