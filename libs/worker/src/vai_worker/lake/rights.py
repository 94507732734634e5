"""Whether the lake takes files, gives them back and lets them go: asked by a worker until it does, and the doctor."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

from vai_common.health import Health
from vai_worker.lake import store_errors
from vai_worker.lake.places import Lake

_SECONDS = 8.0

_NO_REPEATS: Any = {"max_retries": 0}


async def fault(url: str) -> str | None:
    """What is wrong, and after the last colon what to do; None where a file could be written, read and deleted.

    A store of its own, without repeats: who stops must not wait for a store that does not answer.
    """
    lake = Lake(url)
    try:
        async with asyncio.timeout(_SECONDS):
            await asyncio.to_thread(_in_bucket if lake.is_remote else _in_folder, lake)
    except TimeoutError:
        return f"the lake {url} did not take a file within {_SECONDS:g} s: see its address, the network and its store"
    except OSError as error:
        advice = "mount it, and let the services' user write there (VAI_LAKE_URL)"
        return f"{lake.root} cannot be written: {error.strerror}: {advice}"
    except _Refused as error:
        return f"the lake {url} cannot be written, read and deleted in ({error}): {store_errors.ADVICE}"
    return None


async def try_lake(health: Health, url: str) -> bool:
    """Tells the service's readiness; whether the lake takes files."""
    wrong = await fault(url)
    health.tell("lake", wrong)
    return wrong is None


class _Refused(Exception):
    """What the object store answers, in a few words."""


def _name() -> str:
    return f".probe-{uuid4().hex}"


def _in_folder(lake: Lake) -> None:
    root = Path(lake.root)
    root.mkdir(parents=True, exist_ok=True)
    probe = root / _name()
    probe.write_bytes(b"vai")
    probe.unlink()


def _in_bucket(lake: Lake) -> None:
    import obstore  # a lake in a folder needs none of it
    from obstore.store import S3Store

    name, timeout = _name(), f"{_SECONDS / 2:g}s"
    options: Any = {"allow_http": lake.allows_http, "timeout": timeout, "connect_timeout": timeout}
    try:
        store = S3Store.from_url(lake.url, client_options=options, retry_config=_NO_REPEATS)
        obstore.put(store, name, b"vai")
        read = bytes(obstore.get(store, name).bytes())
        obstore.delete(store, name)
    except (obstore.exceptions.BaseError, OSError) as error:
        raise _Refused(store_errors.in_few_words(error)) from error
    if read != b"vai":
        raise _Refused(f"it gives back {read[:20]!r} for b'vai', so it is no S3, or a cache stands before it")
