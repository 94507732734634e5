"""The lake: which files are in it, and where the next extraction begins."""
