"""Reads HotSpot's garbage collection logs, JDK 6 to 25: bytes to events, events to figures and a verdict. Only tail, follow, rows do I/O."""
