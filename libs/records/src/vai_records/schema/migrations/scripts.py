"""Runs a file of several SQL statements within a migration."""

from pathlib import Path
from typing import Any

from alembic import op
from sqlalchemy.util import await_only


def run_script(name: str) -> None:
    """Executes `sql/<name>` in the migration's transaction; what is not in that folder cannot be named."""
    script = (Path(__file__).parent / "sql" / name).read_text()
    driver: Any = op.get_bind().connection.driver_connection
    await_only(driver.execute(script))
