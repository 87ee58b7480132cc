"""What must not be lost: the group commit, minute files and their names, the memory of process numbers, refused lines, recovery."""
