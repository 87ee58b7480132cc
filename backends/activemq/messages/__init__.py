"""Messages of a queue: how they are browsed, what they become, and the file that holds them."""
