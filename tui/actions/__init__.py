"""What an operator may do, as values: what to ask, which commands to send. Pure; guards are here, not in keys."""
