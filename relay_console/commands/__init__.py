"""What each word of the command line does. A module is imported when one of its words is said."""
