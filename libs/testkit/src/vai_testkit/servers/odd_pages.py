"""A web server with the pages that the web has: character sets, redirects, huge, slow, hostile and broken ones.

`pages()` is what stands at which path; a test may add its own to `WebServer.replies`.
"""

import gzip
import io
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from vai_testkit.servers.web import Reply, Seen, WebServer

SENTENCE = "The tower of Konya stands since 1221, and its bricks are turquoise in the light of the evening."

ARTICLE = f"""<!DOCTYPE html>
<html lang="en-GB">
<head>
<title>The tower of Konya - The Daily Brick</title>
<meta name="author" content="Ada Lovelace">
<meta name="description" content="What is left of a tower.">
<meta property="og:site_name" content="The Daily Brick">
<meta property="article:published_time" content="2026-03-05T08:00:00Z">
<link rel="canonical" href="/articles/tower">
</head>
<body>
<nav><a href="/">Home</a> <a href="/about">About us</a></nav>
<article>
<h1>The tower of Konya</h1>
<p>{SENTENCE} See <a href="bricks.html">the <b>bricks</b></a> and <a href="https://example.org/konya">more</a>.</p>
<p>{SENTENCE.replace("tower", "gate")} Nobody knows who has built it, though many have asked and some have dug.</p>
<h2>Measures</h2>
<table><tr><th>Part</th><th>Metres</th></tr><tr><td>Base</td><td>12</td></tr><tr><td>Top</td><td>4</td></tr></table>
<ul><li>It has one door.</li><li>It has no bell.</li></ul>
<img src="/img/tower.jpg" alt="The tower in the evening"><img src="/img/line.gif" alt="">
</article>
<footer>All rights reserved. <a href="javascript:alert(1)">Cookies</a> <a href="mailto:a@example.org">Mail</a></footer>
<script>var tracked = true;</script>
</body></html>"""

SCRIPT_ONLY = """<!DOCTYPE html><html><head><title>Shop</title></head><body><noscript>You need to enable JavaScript to
run this app.</noscript><div id="root"></div><script src="/static/main.js"></script></body></html>"""

_TEXTS = {
    "latin1": ("iso-8859-1", "Übergrößenträger zahlen 20 € weniger".replace("€", "Mark")),
    "cp1252": ("windows-1252", "“Quoted” – for 20 € in the café"),
    "shift_jis": ("shift_jis", "東京の天気は晴れです。明日は雨が降るでしょう。"),
    "euc_jp": ("euc-jp", "日本語の文章をここに書きます。"),
    "gb2312": ("gb2312", "北京的天气今天很好，明天会下雨。"),
    "big5": ("big5", "臺北今天的天氣很好，明天會下雨。"),
    "euc_kr": ("euc-kr", "서울의 날씨는 오늘 맑고 내일은 비가 옵니다."),
    "koi8_r": ("koi8-r", "Сегодня в Москве хорошая погода, завтра дождь."),
    "cp1251": ("windows-1251", "Сегодня в Киеве хорошая погода, завтра дождь."),
    "utf16": ("utf-16", "Ünïcödé in two bytes — with a mark"),
    "utf8": ("utf-8", "Plain UTF-8: ünïcödé, 東京, Москва, 🗼"),
}

CHARACTER_SETS = tuple(_TEXTS)


def text_in(name: str) -> str:
    """What the page `/in/<name>` says."""
    return _TEXTS[name][1]


def _html(body: str, charset: str | None = None) -> str:
    meta = f'<meta charset="{charset}">' if charset else ""
    return f"<html><head>{meta}<title>{body}</title></head><body><p>{body}</p><p>{body} {body}</p></body></html>"


def _page(text: str | bytes, kind: str = "text/html; charset=utf-8", **headers: str) -> Reply:
    raw = text if isinstance(text, bytes) else text.encode()
    return Reply(body=raw, headers={"Content-Type": kind, **headers})


def _moved(to: str, status: int = 302) -> Reply:
    return Reply(status, headers={"Location": to})


def pdf(text: str = SENTENCE, pages: int = 2, password: str | None = None) -> bytes:
    """A PDF file with this text on each page."""
    from pypdf import PdfWriter
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    writer = PdfWriter()
    for number in range(1, pages + 1):
        page = writer.add_blank_page(600, 800)
        font = DictionaryObject({
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        })  # fmt: skip
        fonts = DictionaryObject({NameObject("/F1"): writer._add_object(font)})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 40 700 Td (Page {number}: {text}) Tj ET".encode("latin-1"))
        page[NameObject("/Contents")] = writer._add_object(stream)
    writer.add_metadata({"/Title": "A paper", "/Author": "Grace Hopper", "/CreationDate": "D:20250607080910Z"})
    if password is not None:
        writer.encrypt(password, algorithm="AES-128")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def _pdf_bomb() -> bytes:
    """A small file whose only page would be 80 MB."""
    from pypdf import PdfWriter
    from pypdf.generic import EncodedStreamObject, NameObject, NumberObject

    packed = zlib.compressobj(1)
    block = b" " * 1_000_000
    raw = b"".join([*(packed.compress(block) for _ in range(80)), packed.flush()])
    writer = PdfWriter()
    page = writer.add_blank_page(9, 9)
    stream = EncodedStreamObject()
    stream._data = raw
    stream[NameObject("/Filter")] = NameObject("/FlateDecode")
    stream[NameObject("/Length")] = NumberObject(len(raw))
    page[NameObject("/Contents")] = writer._add_object(stream)
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def _hostile() -> dict[str, Reply | Callable[[Seen], Reply]]:
    return {
        "/deep": _page("<html><body>" + "<div>" * 100_000 + SENTENCE + "</div>" * 100_000),
        "/deep-lists": _page("<html><body>" + "<ul><li>" * 20_000 + SENTENCE),
        "/attributes": _page(
            f"<html><body><p {' '.join(f'a{n}=1' for n in range(50_000))}>{SENTENCE}</p></body></html>"
        ),
        "/entities": _page(f"<html><body><p>{'&lt;' * 200_000}</p><p>{SENTENCE}</p></body></html>"),
        "/nul": _page(f"<html><body><p>{SENTENCE}\0\0 after</p><p>{SENTENCE}</p></body></html>"),
        "/unclosed": _page(f"<html><body><p>{SENTENCE}<p>{SENTENCE}<table><tr><td><a href='x"),
        "/gzip-bomb": lambda _: _page(gzip.compress(b" " * 100_000_000, 1), **{"Content-Encoding": "gzip"}),
        "/xml-bomb": _page(
            '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">'
            + "".join(f'<!ENTITY b{n} "{f"&b{n - 1};" * 10 if n else "&a;" * 10}">' for n in range(9))
            + "]><html><body><p>&b8;</p></body></html>",
            "application/xhtml+xml",
        ),
        "/pdf-bomb": lambda _: _page(_pdf_bomb(), "application/pdf"),
        "/half-pdf": _page(pdf()[:900], "application/pdf"),
        "/not-a-pdf": _page("%PDF-1.4\nnothing of it", "application/pdf"),
    }


def pages() -> dict[str, Reply | Callable[[Seen], Reply]]:
    """Path → what stands there."""
    sets = {
        f"/in/{name}": _page(_html(text).encode(charset), f"text/html; charset={charset}")
        for name, (charset, text) in _TEXTS.items()
    }
    in_page = {
        f"/said/{name}": _page(_html(text, charset).encode(charset), "text/html")
        for name, (charset, text) in _TEXTS.items()
        if name != "utf16"
    }
    return {
        **sets,
        **in_page,
        "/robots.txt": Reply(404),
        "/article": _page(ARTICLE),
        "/script": _page(SCRIPT_ONLY),
        "/tiny": _page("<h1>It works</h1><script>ga()</script>"),
        "/empty": _page(""),
        "/paper.pdf": _page(pdf(), "application/pdf"),
        "/locked.pdf": _page(pdf(password="open sesame"), "application/pdf"),
        "/unsaid.pdf": _page(pdf(), "application/octet-stream"),
        "/text": _page(f"{SENTENCE}\nünï", "text/plain; charset=utf-8"),
        "/json": _page('{"tower": "Konya", "metres": 12, "nul": "\\u0000"}', "application/json"),
        "/feed": _page(f"<?xml version='1.0'?><rss><item>{SENTENCE}</item></rss>", "application/rss+xml"),
        "/picture": _page(b"\x89PNG\r\n\x1a\n\0\0", "image/png"),
        "/says-latin1": _page(_html(_TEXTS["utf8"][1]).encode(), "text/html; charset=iso-8859-1"),
        "/says-nonsense": _page(_html(_TEXTS["utf8"][1]).encode(), "text/html; charset=klingon"),
        "/guess": _page(_html(_TEXTS["cp1251"][1] * 3).encode("cp1251"), "text/html"),
        "/moved": _moved("/article", 301),
        "/loop": _moved("/loop"),
        "/chain": _moved("/moved"),
        "/inside": _moved("http://169.254.169.254/latest/meta-data/"),
        "/to-file": _moved("file:///etc/passwd"),
        "/gone": Reply(410),
        "/broken": Reply(503, headers={"Retry-After": "7"}),
        "/busy": Reply(429, headers={"Retry-After": "3"}),
        "/private": Reply(403),
        "/big": _page(f"<html><body>{f'<p>{SENTENCE}</p>' * 60_000}</body></html>"),
        "/long": _page(f"<html><body><article>{''.join(f'<p>{n}: {SENTENCE}</p>' for n in range(2_000))}</article>"),
        "/hangs-up": Reply(hang_up=True),
        "/garbage": Reply(raw=b"\x16\x03\x01 this is no HTTP\r\n\r\n"),
        **_hostile(),
    }


@asynccontextmanager
async def odd_pages() -> AsyncIterator[WebServer]:
    """A server that has all of them until the block is left."""
    async with WebServer.opened() as web:
        web.replies.update(pages())
        yield web
