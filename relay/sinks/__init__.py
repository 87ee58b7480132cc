"""Where a receiver's records go when it is not, or not only, a directory of files."""
