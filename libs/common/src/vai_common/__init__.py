"""What all services share and what knows nothing of runs: boot, settings, telemetry, messages, clock."""
