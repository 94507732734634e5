"""Makes the requests of a REST resource: address, parameters, body, headers and credentials."""

from typing import Any

from vai_extract_worker.increments.cursor import IncrementalCursor
from vai_extract_worker.increments.windows import Window
from vai_extract_worker.rest.credentials import Access, parted
from vai_extract_worker.rest.filled_requests import UNKNOWN, Known, filled_body, filled_params, filled_path, looked_up
from vai_records.definitions.dlt_extract import RestApi
from vai_records.definitions.sources.placeholders import Placeholder
from vai_records.definitions.sources.resources import RestResource
from vai_records.definitions.sources.rest_requests import open_parts
from vai_records.validation.masking import unmarked

Asked = dict[str, Any]
"""A request as dlt's client takes it: path, params, method, json, data."""


class Requests:
    """The requests of one resource. `access` has the secret headers and parameters, which go to their own origin
    only.
    """

    def __init__(self, definition: RestApi, resource: RestResource, access: Access) -> None:
        self._resource = resource
        self.headers, secret_headers = parted({**definition.headers, **resource.headers})
        self._params, secret_params = parted({**definition.params, **resource.params})
        self.access = access.beside(secret_headers, secret_params)
        self._json = unmarked(resource.json_)
        self._data = None if resource.data is None else unmarked(resource.stored_data())

    def first(self, part: Window | None, mark: IncrementalCursor | None, parent: Any = None) -> Asked:
        """The request for the first page of a slice (None: of the whole resource). `parent` is the parent's row for a
        child.
        """
        known = self._known(part, mark, parent)
        path = self._resource.name if self._resource.path is None else filled_path(self._resource.path, known)
        asked: Asked = {"path": path, "params": self._params_of(part, mark, known)}
        if self._resource.is_post:
            asked["method"] = "POST"
        if self._json is not None:
            asked["json"] = filled_body(self._json, known)
        if self._data is not None:
            asked["data"] = filled_params(self._data, known)
        return asked

    def _params_of(self, part: Window | None, mark: IncrementalCursor | None, known: Known) -> dict[str, Any]:
        params = filled_params(self._params, known)
        incremental = self._resource.incremental
        if mark and incremental and incremental.param and mark.asked is not None:
            params[incremental.param] = mark.asked
        if incremental and incremental.end_param:
            params[incremental.end_param] = mark.asked_until if mark else incremental.end_value
        if part and self._resource.slices:
            params |= part.params(self._resource.slices)
        return params

    def _known(self, part: Window | None, mark: IncrementalCursor | None, parent: Any) -> Known:
        def value_of(found: Placeholder) -> Any:
            if found.of == "resources":
                return looked_up(parent, found.field)
            if found.of == "slice":
                return _bound(found.name, part, self._resource)
            return _of_increment(found.name, mark, self._resource)

        return value_of


def start_asked_by(resource: RestResource) -> str | None:
    """What asks the source for rows from the cursor on: the parameter, or the placeholder and where it stands."""
    if resource.incremental and resource.incremental.param:
        return resource.incremental.param
    parts = open_parts(resource.path, resource)
    return next((f"{found} in {place}" for place, found in parts if str(found) == "{incremental.start_value}"), None)


def _bound(word: str, part: Window | None, resource: RestResource) -> Any:
    if part is None or resource.slices is None:
        return UNKNOWN
    start, end = part.bounds(resource.slices)
    return start if word == "start" else end


def _of_increment(word: str, mark: IncrementalCursor | None, resource: RestResource) -> Any:
    if mark is None or resource.incremental is None:
        return UNKNOWN
    found = {
        "start_value": mark.asked,
        "initial_value": mark.told(resource.incremental.initial_value),
        "end_value": mark.asked_until,
    }[word]
    return UNKNOWN if found is None else found
