"""The worker's answer to a child that needs another access token (OAuth 2)."""

from typing import Any

from vai_common.errors import ErrorCode, Permanent
from vai_worker.owned import Owned


async def access_token(run: Owned, rejected: str | None) -> dict[str, Any]:
    """{access_token, renew_at}. `rejected` is a token that the source has refused.

    Raises AUTH_ERROR where the connection has none any more, and what its vendor's refusal means.
    """
    connection = await run.connection(rejected)
    if connection is None or connection.renew_at is None:
        text = "The run's connection has no OAuth 2 any more: start the run again."
        raise Permanent(ErrorCode.AUTH_ERROR, text)
    return {"access_token": connection.credentials["access_token"], "renew_at": connection.renew_at}
