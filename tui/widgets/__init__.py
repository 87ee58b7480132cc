"""Widgets: each places lines that pure functions made, and repaints only what changed of them."""
