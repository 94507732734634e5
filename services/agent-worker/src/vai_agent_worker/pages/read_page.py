"""Reads pages, in a process beside the worker that knows no secret and has no way to the database (rule 12).

It reads one page after the other. Pages are public: they were fetched without credentials.
"""

import base64
import logging
from typing import Any, cast

from vai_agent_worker.pages.asked import Asked, Reading
from vai_agent_worker.pages.charsets import decode
from vai_agent_worker.pages.limits import TookTooLong, take_at_most, within
from vai_worker.children.job import Job
from vai_worker.children.link import Link

PDF = "application/pdf"
HTML = ("text/html", "application/xhtml+xml")
_TEXT = ("application/xml", "application/rss+xml", "application/atom+xml", "application/javascript",
         "application/x-ndjson", "application/yaml", "application/toml", "application/sql")  # fmt: skip
_UNSAID = ("", "application/octet-stream", "binary/octet-stream", "application/force-download")


def serve(job: Job, link: Link) -> dict[str, Any]:
    """Read pages until the worker closes the link. Each result is sent together with the question for the next page."""
    logging.disable(logging.ERROR)  # the libraries log warnings about each bad page
    take_at_most(int(job.prepared["memory_mb"]))
    reading: Reading = {}
    while True:
        asked = link.ask("page", cast(dict[str, Any], reading))
        reading = read(base64.b64decode(asked["raw"]), cast(Asked, asked["asked"]))


def read(raw: bytes, asked: Asked) -> Reading:
    """The result for a page. Faults of the page are reported in it; nothing is raised."""
    try:
        with within(asked["seconds"]):
            return _bounded(_read(raw, asked), asked["characters"])
    except TookTooLong:
        return {"refusal": f"takes longer than {asked['seconds']:.0f} s to read"}
    except MemoryError:
        return {"refusal": "needs more memory to be read than it may: it is too large or made to fill memory",
                "worn": True}  # fmt: skip
    except Exception as error:
        return {"refusal": f"cannot be read ({type(error).__name__}: {str(error)[:200]})"}


def media_type_of(given: str, raw: bytes) -> str:
    """The kind of a page: from the response, or from the page's beginning if the response does not say."""
    said = given.partition(";")[0].strip().lower()
    begin = raw[:1_024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if begin.startswith(b"%pdf-"):
        return PDF
    if said not in _UNSAID:
        return said
    if begin.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<!--")):
        return HTML[0]
    if begin.startswith((b"{", b"[")):
        return "application/json"
    return "text/plain" if begin and b"\0" not in raw[:4_096] else said or "application/octet-stream"


def _read(raw: bytes, asked: Asked) -> Reading:
    media = media_type_of(asked["media_type"], raw)
    if media == PDF:
        from vai_agent_worker.pages.pdf_page import read_pdf

        return read_pdf(raw, asked)
    if media in HTML:
        from vai_agent_worker.pages.html_page import read_html

        return read_html(raw, asked)
    if media.endswith(("/json", "+json")):
        return _plain(raw, asked, "json")
    if media.startswith("text/") or media in _TEXT or media.endswith("+xml"):
        return _plain(raw, asked, "text")
    return {"refusal": f"is {media}: fetch_page reads HTML, PDF, text and JSON. Use http_request for anything else"}


def _plain(raw: bytes, asked: Asked, form: str) -> Reading:
    decoded = decode(raw, asked["charset"] or ("utf-8" if form == "json" else None))
    if "\0" in decoded.text[:4_096]:
        return {"refusal": f"says that it is {asked['media_type'][:100] or 'text'}, but it is binary"}
    text = decoded.text.replace("\0", "\ufffd").strip()
    markdown = f"```json\n{text}\n```" if form == "json" else text
    warnings = []
    if decoded.replaced:
        said = f"{decoded.replaced:,} characters of the page are not {decoded.charset}: they are shown as \ufffd"
        warnings.append(("page_has_unreadable_characters", said))
    return {"format": form, "charset": decoded.charset, "markdown": markdown, "text": text, "warnings": warnings}


def _bounded(reading: Reading, most: int) -> Reading:
    """Cut each text to so many characters, and remove characters that Postgres cannot store."""
    for name in ("markdown", "text"):
        text = str(reading.get(name) or "").replace("\0", "")
        if len(text) > most:
            reading["truncated"] = True
        reading[name] = text[:most].encode("utf-8", "replace").decode()
    for name in ("title", "author", "date", "language", "description", "site_name"):
        value = reading.get(name)
        if isinstance(value, str):
            reading[name] = value.replace("\0", "").encode("utf-8", "replace").decode()[:2_000]  # type: ignore[literal-required]
    return reading
