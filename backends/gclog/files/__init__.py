"""The files of one log, and how they are followed. Knows nothing of collections."""
