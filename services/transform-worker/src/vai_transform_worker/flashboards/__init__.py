"""What a flashboard shows, found and drawn in the child process."""
