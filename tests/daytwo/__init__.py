"""The operators' recipes (backup, secrets, draining, …) under load: `make test-daytwo`."""
