"""From files in an outbox to a partner, and to archive/ or failed/: scanning, claiming, the state machine, connections."""
