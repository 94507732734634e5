"""How long a lease lasts, and when a run is given up that nobody takes over."""

LEASE_SECONDS = 90
"""How long a claim or a renewal lasts (document 000, "Lease-Based Ownership")."""

RENEW_SECONDS = 30
"""How often a process renews its leases."""

GRACE_SECONDS = 180
"""How long a stale run may stay unclaimed before it is abandoned (document 000, "Watchdog Grace")."""
