"""Routes of chat threads and of their messages."""
