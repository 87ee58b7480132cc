"""Moves records: partners' in, ours out, durable. Knows nothing of consoles, history or the other panes."""
