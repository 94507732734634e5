"""Gives the embedded database to the services' user, who is no superuser; also one that an older version has filled."""

from urllib.parse import urlsplit

import asyncpg

# What an older version made belongs to the superuser. Indexes follow their tables.
_GIVE = """
DO $$
DECLARE
    one regclass;
    routine regprocedure;
BEGIN
    FOR one IN
        SELECT oid FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND relowner <> '{0}'::regrole
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO {0}', one);
    END LOOP;
    FOR routine IN
        SELECT oid FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proowner <> '{0}'::regrole
    LOOP
        EXECUTE format('ALTER ROUTINE %s OWNER TO {0}', routine);
    END LOOP;
END
$$
"""


# The group that may read the load of the workers: it belongs to the server, so the services' user cannot make it.
_SCALER = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vai_scaler') THEN
        CREATE ROLE vai_scaler NOLOGIN;
    END IF;
END
$$
"""

_USER = "SELECT format('{} ROLE %I LOGIN NOSUPERUSER PASSWORD %L', $1::text, $2::text)"
_DATABASE = "SELECT format('ALTER DATABASE %I OWNER TO %I', current_database(), $1::text)"


async def give_to_services(admin_url: str, url: str) -> None:
    """Make the user of `url`, with its password, and give it the database and all that is in it; can be repeated."""
    user, password = urlsplit(url).username, urlsplit(url).password
    connection = await asyncpg.connect(admin_url)
    try:
        known = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", user)
        async with connection.transaction():
            verb = "ALTER" if known else "CREATE"
            await connection.execute(await connection.fetchval(_USER.format(verb), user, password))
            await connection.execute(await connection.fetchval(_DATABASE, user))
            await connection.execute(_GIVE.format(user))
            await connection.execute(_SCALER)
    finally:
        await connection.close()
