"""A client of ZooKeeper that only reads, and what znodes hold."""
