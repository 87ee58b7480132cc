"""One pane a file, pure: what it shows is a function of the store."""
