"""Looks at outside systems, one kind a file: a client shell, pure parsers, a typed snapshot.

No screen, no history, no judgement of the whole.
"""
