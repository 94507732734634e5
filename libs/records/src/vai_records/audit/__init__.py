"""The audit log: who did what in an organisation, written before it is done."""
