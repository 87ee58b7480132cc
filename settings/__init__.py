"""What a configuration value is: durations, sizes and references to secrets. Every other package may import it; it imports none."""
