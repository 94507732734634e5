"""Days of logs and events: made ahead, dropped when old; files of the lake that nobody committed (rules 14 and 15)."""

import structlog

from vai_common.queries import Pool
from vai_common.rows import Rows
from vai_records.alerts import alerts
from vai_records.audit import entries
from vai_records.automations import causes
from vai_records.lake import columns, lineage_news, writes
from vai_records.processes import losses
from vai_records.schema import partitions

_log = structlog.get_logger()

_rows: Rows[str] = Rows("retention")


async def keep_once(pool: Pool, audit_days: int) -> None:
    """Make the partitions of the next days, and drop those that are too old. If one fails, the others still run."""
    today = (await pool.fetchval("SELECT clock_timestamp()")).date()  # in UTC, like the time zone of the sessions
    made = await partitions.make_ahead(pool, today, _rows)
    dropped = await partitions.drop_old(pool, today, _rows)
    await _rows.one("causes", lambda _: causes.forget_old(pool))
    await _rows.one("dataset_writes", lambda _: writes.forget_old(pool))
    await _rows.one("dataset_columns", lambda _: columns.forget_old(pool))
    await _rows.one("lineage_news", lambda _: lineage_news.forget_old(pool))
    await _rows.one("process_losses", lambda _: losses.forget_old(pool))
    await _rows.one("audit_entries", lambda _: entries.forget_old(pool, audit_days))
    await _rows.one("alerts", lambda _: alerts.forget_old(pool))
    if made or dropped:
        _log.info("partitions", made=made, dropped=dropped)
