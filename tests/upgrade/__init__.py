"""The version before this one, beside it, through the migration: `make test-upgrade`."""
