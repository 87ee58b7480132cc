"""What is done to a broker's queues, after what would be done was counted and agreed to."""
