"""`client.flashboards`, a group of the methods of `async_client.py`."""

from collections.abc import AsyncGenerator

from .async_client import AsyncGroup, _all, _ask
from .calls import flashboards
from .models.flashboards import TileFormat


class AsyncFlashboards(AsyncGroup):
    """`client.flashboards`"""

    get, delete, refresh = _ask(flashboards.get), _ask(flashboards.delete), _ask(flashboards.refresh)
    list, iterate, share = _ask(flashboards.listing), _all(flashboards.listing), _ask(flashboards.share)
    versions, iterate_versions = _ask(flashboards.versions), _all(flashboards.versions)
    version, delete_version, revoke = (
        _ask(flashboards.version),
        _ask(flashboards.delete_version),
        _ask(flashboards.revoke),
    )
    links, iterate_links = _ask(flashboards.links), _all(flashboards.links)

    def export(
        self, flashboard: str, tile: str | None = None, *, format: TileFormat = "csv", version: int | None = None
    ) -> AsyncGenerator[bytes]:
        """The whole as one HTML file, or a tile as CSV, SVG or PNG, piece by piece."""
        return self._client.pieces_of(flashboards.export(flashboard, tile, format=format, version=version))
