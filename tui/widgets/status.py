"""The rows that never hide: the status row, the panes, and the hints. What they say is `tui.statusline`."""

from collections.abc import Sequence

from tui.statusline import Status, Tab, status_line, tabs_line
from tui.widgets.lines import Lines


class StatusRow(Lines):
    def draw(self, status: Status) -> int:
        return self.show([status_line(status, self.size.width)])


class TabsRow(Lines):
    def draw(self, tabs: Sequence[Tab], active: str, hint: str) -> int:
        return self.show([tabs_line(tabs, active, hint, self.size.width)])
