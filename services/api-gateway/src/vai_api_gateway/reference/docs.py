"""/docs: the Swagger UI from an installed package. The page loads nothing from other hosts."""

import secrets
from pathlib import Path

import fastapi_offline
from fastapi import FastAPI, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

_STATIC = Path(fastapi_offline.__file__).parent / "static"
_PLACE = "/docs/static"
_POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{word}'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""The page may run only its own script, connect only to its own host, and not be shown in a frame."""


def install(app: FastAPI, root: str) -> None:
    """Serve the page, its script and its style, under the prefix of a proxy if there is one."""
    app.mount(_PLACE, StaticFiles(directory=_STATIC), name="docs-static")

    @app.get("/docs", include_in_schema=False)
    async def show() -> Response:
        page = get_swagger_ui_html(
            openapi_url=f"{root}/openapi.json",
            title=app.title,
            swagger_js_url=f"{root}{_PLACE}/swagger-ui-bundle.js",
            swagger_css_url=f"{root}{_PLACE}/swagger-ui.css",
            swagger_favicon_url=f"{root}{_PLACE}/favicon.png",
            swagger_ui_parameters={"persistAuthorization": True, "validatorUrl": None},
        )
        word = secrets.token_urlsafe(16)
        body = bytes(page.body).replace(b"<script>", f'<script nonce="{word}">'.encode())
        return HTMLResponse(body, headers={"Content-Security-Policy": _POLICY.format(word=word)})
