"""How our processes talk over a unix socket: frames and messages (sans-IO), a server that publishes, a client that stays connected,
and `connect_or_start`: the one rule by which a process finds the one behind it."""
