"""Remembers and judges: the engine that runs the sources, the store (a fold over what they say), commands and their audit,
the service for consoles."""
