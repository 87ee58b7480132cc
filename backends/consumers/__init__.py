"""Consumers over time: where their offsets lie, how they move, and what is wrong with them."""
