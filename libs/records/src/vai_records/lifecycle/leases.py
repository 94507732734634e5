"""How long a lease lasts, and after what time a run that no worker takes over fails."""

LEASE_SECONDS = 90
"""How long a claim or a renewal lasts (document 000, "Lease-Based Ownership")."""

RENEW_SECONDS = 30
"""How often a process renews its leases."""

GRACE_SECONDS = 180
"""How long a run that was taken back may stay unclaimed before it fails (document 000, "Watchdog Grace")."""
