"""HTTP of a sync: pools that connect to permitted addresses only, and what a broken connection means."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from urllib3 import PoolManager
from urllib3.exceptions import HTTPError

from vai_common.egress.addresses import Policy
from vai_common.egress.urllib3_guard import guarded_pools
from vai_common.errors import ErrorCode, Retryable, RunError
from vai_extract_worker.failures import place_of


def pools(policy: Policy) -> PoolManager:
    """For eight hosts, with eight connections each; a certificate authority of one's own by `SSL_CERT_FILE`."""
    trust = {"ca_certs": found} if (found := os.environ.get("SSL_CERT_FILE")) else {}
    return guarded_pools(policy, 8, 8, **trust)


@contextmanager
def in_our_words(url: str) -> Iterator[None]:
    """Raises `Retryable` CONNECTION_ERROR for a connection to `url` that fails."""
    try:
        yield
    except RunError:
        raise
    except (HTTPError, OSError) as error:
        text = f"The connection to {place_of(url)} failed ({type(error).__name__}); check that the server is up."
        raise Retryable(ErrorCode.CONNECTION_ERROR, text, {"url": place_of(url)}) from error
