"""A session on the installation's Spark cluster, by Spark Connect. One run has one session, and nobody else uses it."""

import logging
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

import pyarrow as pa

from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_transform_worker.interruption import Watch
from vai_transform_worker.spark.ending import ended_if_killed
from vai_transform_worker.spark.failures import failure

_CONNECT_SECONDS, _END_SECONDS = 10, 30
_SETTINGS = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.caseSensitive": "false",
    "spark.sql.variable.substitute": "false",  # ${env:…} in the SQL would be the cluster's environment
    "spark.sql.parser.quotedRegexColumnNames": "false",
    "spark.sql.ansi.doubleQuotedIdentifiers": "false",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.writeLegacyFormat": "false",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.sources.partitionOverwriteMode": "STATIC",
}
"""What the words of the SQL mean, whatever the cluster's defaults are."""


class Cluster:
    """The session. What pyspark raises comes out as errors of runs, or as the reason why the run must stop."""

    def __init__(self, session: Any, watch: Watch, tag: str) -> None:
        self._session, self._watch, self._tag = session, watch, tag
        self.rows_read = False

    @property
    def read(self) -> Any:
        return self._session.read

    def frame(self, sql: str) -> Any:
        """A query, which must have been judged (`dialect`), as a DataFrame of pyspark. Nothing runs."""
        with self.told():
            return self._session.sql(sql)

    def schema(self, frame: Any) -> list[tuple[str, Any]]:
        """The names and types (pyspark's) of its columns."""
        with self.told():
            return [(field.name, field.dataType) for field in frame.schema.fields]

    def arrow(self, frame: Any) -> pa.Table:
        """Its rows, which must be few."""
        with self.told(runs=True):
            table: pa.Table = frame.toArrow()
            return table

    def show(self, name: str, frame: Any) -> None:
        """Make it a view of this session."""
        with self.told():
            frame.createOrReplaceTempView(name)

    def interrupt(self) -> None:
        """End what this session runs. Called from another thread, again and again."""
        with suppress(Exception):
            self._session.interruptTag(self._tag)

    @contextmanager
    def told(self, runs: bool = False) -> Iterator[None]:
        self._watch.check()
        self.rows_read = self.rows_read or runs
        try:
            yield
        except RunError:
            raise
        except Exception as error:
            self._watch.check()  # interrupted: `check` knows the reason
            raise failure(error, self.rows_read) from error


@contextmanager
def opened(prepared: dict[str, Any], org_id: str, run_id: str, epoch: int, watch: Watch) -> Iterator[Cluster]:
    """A session for one attempt of a run. `prepared`: `url` and `token` of the cluster.

    What earlier attempts left running is ended first. Raises CONNECTION_ERROR if the cluster does not answer.
    """
    with ended_if_killed(lambda: _end(_client(), prepared, org_id, run_id, epoch)):
        connect = _client()
        _reached(prepared["url"])
        for earlier in range(max(1, epoch - 3), epoch):
            _end(connect, prepared, org_id, run_id, earlier)
        session = _session(connect, prepared, org_id, session_id(run_id, epoch))
        with _of_run(session, run_id, watch) as cluster:
            yield cluster


@contextmanager
def _of_run(session: Any, run_id: str, watch: Watch) -> Iterator[Cluster]:
    tag = f"vai-run-{run_id}"
    try:
        cluster = Cluster(session, watch, tag)
        with cluster.told():
            session.addTag(tag)
            for name, value in _SETTINGS.items():
                session.conf.set(name, value)
        yield cluster
    finally:
        _closed(session)


def session_id(run_id: str, epoch: int) -> str:
    """The session of one attempt: who takes the run over knows its name."""
    return str(uuid5(NAMESPACE_URL, f"vai:{run_id}:{epoch}"))


def _client() -> Any:
    """pyspark's client. It is loaded late, as most installations have no Spark, and it takes seconds."""
    try:
        with warnings.catch_warnings(action="ignore"):
            from pyspark.sql.connect import session
    except ImportError as error:
        message = (
            f"The image of the transform-worker has no client for Spark ({error.name} is missing): build it with the "
            "extra `spark` of vai-transform-worker (docs/transforms.md, Spark)"
        )
        raise Permanent(ErrorCode.DATA_ERROR, message, {"engine": "spark", "missing": error.name}) from None
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger", "pyspark"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # they log values of rows
    return session


def _reached(url: str) -> None:
    """A cluster that is away is noticed here: pyspark would try for ten minutes."""
    place = urlsplit(url)
    try:
        socket.create_connection((place.hostname or "", place.port or 15002), _CONNECT_SECONDS).close()
    except OSError as error:
        message = f"The Spark cluster does not answer ({error.strerror or error}): look whether it runs (VAI_SPARK_URL)"
        raise Retryable(ErrorCode.CONNECTION_ERROR, message, {"engine": "spark"}) from None


def _session(connect: Any, prepared: dict[str, Any], org_id: str, name: str) -> Any:
    parts = [prepared["url"].rstrip("/;")]
    parts += [f"token={prepared['token']}"] if prepared.get("token") else []
    parts += [f"session_id={name}", f"user_id={org_id}", "user_agent=vai"]
    address = parts[0] if "/;" in parts[0] else f"{parts[0]}/"
    try:
        session = connect.SparkSession.builder.remote(";".join([address, *parts[1:]])).create()
        from pyspark.sql.connect.client.retries import DefaultPolicy

        session.client.set_retry_policies([DefaultPolicy(max_retries=6, max_backoff=5_000)])
    except Exception as error:
        raise failure(error, rows_read=False) from error
    return session


def _end(connect: Any, prepared: dict[str, Any], org_id: str, run_id: str, epoch: int) -> None:
    """End what an earlier attempt left running. It wastes the cluster, no more: it can commit nothing."""

    def end() -> None:
        earlier = _session(connect, prepared, org_id, session_id(run_id, epoch))
        try:
            earlier.interruptAll()
        finally:
            earlier.stop()

    _aside(end, _END_SECONDS)


def _closed(session: Any) -> None:
    """Release it, but wait no longer than a little while for a cluster that does not answer."""
    _aside(session.stop, _CONNECT_SECONDS)


def _aside(work: Callable[[], None], seconds: float) -> None:
    """Do it in a thread of its own, as pyspark takes the first session of a thread for the one that is meant there."""

    def done() -> None:
        with suppress(Exception):
            work()

    thread = threading.Thread(target=done, name="spark aside", daemon=True)
    thread.start()
    thread.join(seconds)
