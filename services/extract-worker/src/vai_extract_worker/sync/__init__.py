"""The kind `file_sync` in the child process: places, what differs between two of them, transfers."""
