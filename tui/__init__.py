"""The console: panes, widgets, screens, keys, words. `tui.pane` and `tui.panes` import no Textual: the command line
prints the same rows."""
