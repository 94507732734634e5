"""Access tokens of connections with OAuth 2 are shared between workers."""

from vai_records.schema.migrations.scripts import run_script

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    run_script("0016_access_tokens.sql")
