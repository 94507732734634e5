"""How the requests of a REST resource are made: where to, with which parameters and headers, as whom."""

from typing import Any

from extract_worker.credentials import Access, parted
from extract_worker.watermark import Watermark
from extract_worker.windows import Window
from records.definitions.dlt_extract import RestApi
from records.definitions.resources import RestResource


class Requests:
    """Of one resource. `access` has the secret headers and parameters, which go to their own origin only."""

    def __init__(self, definition: RestApi, resource: RestResource, access: Access) -> None:
        self._resource = resource
        self.headers, secret_headers = parted({**definition.headers, **resource.headers})
        self._params, secret_params = parted({**definition.params, **resource.params})
        self.access = access.beside(secret_headers, secret_params)

    def first(self, part: Window | None, mark: Watermark | None) -> dict[str, Any]:
        """What the first page of a slice (None: of the whole) is asked with: `path` and `params`, as dlt names them."""
        return {"path": self._path(), "params": self._params_of(part, mark)}

    def _path(self) -> str:
        return self._resource.name if self._resource.path is None else self._resource.path

    def _params_of(self, part: Window | None, mark: Watermark | None) -> dict[str, Any]:
        params: dict[str, Any] = dict(self._params)
        incremental = self._resource.incremental
        if mark and incremental and incremental.param and mark.asked is not None:
            params[incremental.param] = mark.asked
        if incremental and incremental.end_param:
            params[incremental.end_param] = incremental.end_value
        if part and self._resource.slices:
            params |= part.params(self._resource.slices)
        return params
