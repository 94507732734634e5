"""Draws pages from their templates: no script, nothing from another address, everything escaped."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from fastapi import Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from vai_common.clock import now
from vai_drawing.chart_looks import FONT, IN_DARK

_POLICY = (
    "default-src 'none'; style-src 'nonce-{word}'; img-src data:; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
_AGES = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("vai_api_gateway.flashboards", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"day": _day, "exact": _exact, "ago": _ago}
    return made


@cache
def style() -> Markup:
    """The style of all pages; in dark mode the plain colours of charts are others."""
    text, _, _ = _environment().loader.get_source(_environment(), "board.css")  # type: ignore[union-attr]
    rules = [
        f'svg [{name}="{light}"]{{{name}:{dark}}}' for light, dark in IN_DARK.items() for name in ("fill", "stroke")
    ]
    dark = ":root{{{variables}}}" + "".join(rules)
    variables = text.split("/* dark */")[1].split("/* end */")[0].strip()
    own = dark.replace("{{{variables}}}", "{" + variables + "}")
    forced = own.replace(":root{", ":root[data-theme=dark]{").replace("svg [", ":root[data-theme=dark] svg [")
    unless = own.replace(":root{", ":root:not([data-theme=light]){")
    unless = unless.replace("svg [", ":root:not([data-theme=light]) svg [")
    plain = text.split("/* dark */")[0] + text.split("/* end */")[1]
    return Markup(f"{plain}\n@media (prefers-color-scheme:dark){{{unless}}}\n{forced}\n.svg{{font-family:{FONT}}}")


def page(
    template: str, told: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A page of the gateway, with its policy."""
    word = secrets.token_urlsafe(16)
    policy = {"Content-Security-Policy": _POLICY.format(word=word), "X-Robots-Tag": "noindex"}
    body = text_of(template, {**told, "word": word})
    return Response(body, status, {**policy, **(headers or {})}, media_type="text/html; charset=utf-8")


def text_of(template: str, told: Mapping[str, Any]) -> str:
    return _environment().get_template(template).render(style=style(), **{"theme": None, "word": None, **told})


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%-d %b %Y, %H:%M} UTC"


def _exact(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _ago(moment: datetime) -> str:
    seconds = (now() - moment).total_seconds()
    for size, name in _AGES:
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {name}{'' if count == 1 else 's'} ago" if count < 60 or name != "day" else _day(moment)
    return "just now"
