"""How our processes talk over a unix socket: frames and messages (sans-IO), a publishing server, a client that stays connected, `connect_or_start`."""
