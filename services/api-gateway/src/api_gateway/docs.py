"""/docs: the Swagger UI from an installed package; no address outside this host is named."""

from pathlib import Path

import fastapi_offline
from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.staticfiles import StaticFiles

_STATIC = Path(fastapi_offline.__file__).parent / "static"
_PLACE = "/docs/static"


def install(app: FastAPI) -> None:
    """Serve the page and its script and style."""
    app.mount(_PLACE, StaticFiles(directory=_STATIC), name="docs-static")

    @app.get("/docs", include_in_schema=False)
    async def show(request: Request) -> Response:
        root = request.scope.get("root_path", "")
        return get_swagger_ui_html(
            openapi_url=f"{root}/openapi.json",
            title=app.title,
            swagger_js_url=f"{root}{_PLACE}/swagger-ui-bundle.js",
            swagger_css_url=f"{root}{_PLACE}/swagger-ui.css",
            swagger_favicon_url=f"{root}{_PLACE}/favicon.png",
            swagger_ui_parameters={"persistAuthorization": True, "validatorUrl": None},
        )
