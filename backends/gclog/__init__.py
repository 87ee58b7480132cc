"""Reads HotSpot's GC logs, JDK 6 to 25: bytes to events, events to figures and a verdict. Only tail, follow and rows do I/O."""
