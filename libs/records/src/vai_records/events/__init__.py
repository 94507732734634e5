"""The journal, and how it becomes public messages."""
