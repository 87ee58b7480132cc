"""Bytes of a log in, events out. Pure."""
