"""The ways out: which addresses may be reached for a tenant (`addresses.py`), and a guard for each client library."""
