"""What a Kafka cluster knows: its topics, their newest records, and how the times in them are read. Knows nothing of consumers."""
