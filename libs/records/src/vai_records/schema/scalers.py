"""Who may read the load of the workers: the role `vai_scaler`, and nothing but the view `worker_load`."""

from vai_common.queries import Pool

ROLE = "vai_scaler"
"""A group without a login, of the whole server; a scaler's own user is made a member (docs/operations.md)."""

_GRANT = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'vai_scaler') THEN
        GRANT SELECT ON worker_load TO vai_scaler;
    END IF;
END
$$
"""


async def let_read(pool: Pool) -> None:
    """Grants the view to the role, where the role is there; `migrate` does it each time."""
    await pool.execute(_GRANT)
