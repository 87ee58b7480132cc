"""What is watched of a broker, and what is remembered of it between two readings."""
