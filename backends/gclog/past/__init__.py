"""What a console asks for besides the row of an agent: its past, and lines of its log."""
