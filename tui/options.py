"""What a console is started with. A value: the command line makes it, `tui.app.run` takes it; importing it costs no Textual."""

from pathlib import Path

from msgspec import Struct

from tui.chart import Drawing

CALM_TICK = 5.0  # seconds between two paints with --low-bandwidth


class ConsoleOptions(Struct, frozen=True):
    theme: str = "ansi-dark"
    theme_directories: tuple[Path, ...] = ()  # besides the shipped one; a later one wins
    ascii: bool = False
    drawing: Drawing = "blocks"  # of charts; what the terminal can is found out at the start
    no_color: bool = False
    mouse: bool = False
    low_bandwidth: bool = False
    view: str = "overview"  # name of the pane to begin with
    filter: str = ""
    refresh: float = 1.0  # seconds between two paints, at least 1
    read_only: bool = False  # never write, whatever the daemon would allow

    @property
    def tick(self) -> float:
        return max(1.0, self.refresh, CALM_TICK if self.low_bandwidth else 0.0)
