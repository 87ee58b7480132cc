"""Screens: the deck with all panes, and the dialogs that stand over it."""
