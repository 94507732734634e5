"""What `vai` prints: tables, logs, a run that is followed, the steps of an automation."""
