"""dlt's REST client for one resource: what it would guess or pass over in silence is an error here."""

from hashlib import blake2b
from typing import Any, cast

import requests
from dlt.common.configuration.specs.runtime_configuration import RuntimeConfiguration
from dlt.sources.helpers.rest_client import client as dlt_client
from dlt.sources.helpers.rest_client.paginators import BasePaginator

from common.errors import ErrorCode, Permanent
from extract_worker import failures, pagination
from extract_worker.credentials import Access, HostBound
from extract_worker.session import SourceSession, Wanted
from records.definitions import paginators as given

_REPEATS = 3
"""So many times the same page again means that the source does not follow the paginator."""


class Client(dlt_client.RESTClient):
    """Follows one paginator; `definition` is the one that was found out, once the first answer is there."""

    def __init__(
        self, name: str, access: Access, session: SourceSession, definition: given.Paginator, wanted: Wanted
    ) -> None:
        super().__init__(access.base_url, auth=HostBound(access), session=session, config=RuntimeConfiguration())
        self.definition = definition
        self._wanted = wanted
        self._name = name
        self._last = b""
        self._same = 0

    def extract_response(self, response: requests.Response, data_selector: Any) -> list[Any]:
        rows = pagination.select(str(data_selector), response.json())
        digest = blake2b(response.content, digest_size=16).digest()
        self._same = self._same + 1 if rows and digest == self._last else 0
        self._last = digest
        if self._same >= _REPEATS:
            raise _repeated(response)
        return rows

    def _send_request(self, request: requests.Request, **kwargs: Any) -> requests.Response:
        cast(SourceSession, self.session).want(self._wanted)
        return super()._send_request(request, **kwargs)

    def detect_data_selector(self, response: requests.Response) -> str:
        return pagination.selector_of(self._name, response.json())

    def detect_paginator(self, response: requests.Response, data: Any) -> BasePaginator:
        self.definition = pagination.detect(response, data)
        return cast(BasePaginator, pagination.paginator_of(self.definition))


def _repeated(response: requests.Response) -> Permanent:
    place = failures.place_of(response.url)
    text = f"{place} answers the same page over and over: it does not follow the paginator. Name the right one."
    return Permanent(ErrorCode.DATA_ERROR, text, {"field": "paginator", "url": place})
