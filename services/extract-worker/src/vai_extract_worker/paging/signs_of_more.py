"""Finds signs in an answer that there are more rows than these. The texts quote nothing of the rows."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from requests import Response

from vai_extract_worker.paging.counts import truth_of
from vai_extract_worker.paging.envelope import (
    PAGE_COUNTS,
    PLACES,
    TOTALS,
    Entry,
    counts_rows,
    entries_of,
    is_rows,
    place_of_more,
    way_to,
    whole,
)
from vai_extract_worker.values.jsontext import parse
from vai_extract_worker.values.selection import plain, words

_MORE = words(
    "hasmore hasnext hasnextpage more moreitems moreitemsincollection morerecords moreresults hasmoreitems "
    "hasmoredata hasmoreresults hasmorerecords hasmorepages morepages moredata ismore moreavailable istruncated "
    "truncated nextpageavailable partial incomplete"
)
_HAS_MORE = re.compile(r"(has|is|are)(there)?(more|next|older|additional)\w*")
_CUT = re.compile(
    r"^(is)?(truncated|partial|incomplete)(results?|rows?|response|list|data)?$"
    r"|(results?|rows?|response|list|data|output)(is|are|was|were)?(truncated|partial|incomplete|cut|limited)$"
    r"|(transfer|row|record|result|response|page)s?(size)?limit(was)?(exceeded|reached)$"
    r"|^(has)?(exceeded|reached)(transfer|row|record|result|response|page|max)\w*(limit|rows|records|results)?$"
    r"|^(max|maximum)(rows|records|results|items)?(was|were)?(exceeded|reached)$"
    r"|^(is)?limit(was)?(exceeded|reached)$"
)
"""Names by which a source says that it has not given all rows."""

_HOW_MANY = re.compile(
    r"(?:nb|num|number|of|no|total|count|all|hits?|found|match(?:ed|es|ing)?|records?|results?|rows?|items?|entries"
    r"|anzahl|gesamt|treffer|nombre|de|registros?|resultados?|resultats?|cnt|elementos?|elements?|objects?|docs?|documents?|features|available|estimated|approx(?:imate)?|overall|full|grand)+"
)
"""Names that consist only of words for numbers of rows. These words alone do not count:"""
_NOT_HOW_MANY = words("number no of num nb full de")
_HOW_MANY_PAGES = re.compile(
    r"(?:nb|num|number|no|total|count|last|max|of|de|anzahl|gesamt|nombre)+(?:pages?|paginas?|seiten)|pages?(?:count|total|available)|pages"
)
_PLACE_OF = re.compile(r"[^\d]{0,20}(?:\d+ ?[-–] ?)?(\d{1,12}) ?(?:of|/) ?(\d{1,12})[^\d]{0,20}")
"""`1-100 of 250`, `1/3`, `Page 1 of 3`."""
_SHOWN = words("page pages paging showing shown range display displaying position items results records rows summary")
_CUT_SHORT = words("truncated partial incomplete exceeded more")
_ALLOWS = words(
    "allow allows allowed can support supports supported match matching info details help docs documentation"
)
_ENDS = words(
    "is has at of the end ended finished done last complete completed reached exhausted final results result list data "
    "stream page pages records rows items all reading export search query scroll cursor"
)
_AT_AN_END = words("end ended finished done last complete completed exhausted final")

_OVER = words(
    "islast islastpage last lastpage endofstream isfinalpage done isend final complete iscomplete end eof atend"
)
_HEADER_FRAME = words("x wp api pagination paging query list collection response")
"""Beginnings of header names that do not say what is counted."""
_HEADER_JSON = ("x-pagination", "pagination", "x-paging", "paging")
_NEXT_LINK = re.compile(r""";\s*rel\s*=\s*("[^"]*\bnext\b[^"]*"|next\b)""", re.IGNORECASE)
_HEADER_LEADS = words("next more continuation continuationtoken cursor nextcursor nextpage nextpagetoken older")
_HEADER_OTHERS = words("cache rate ratelimit retry router policy prev previous")

SIZES: Final = words("perpage pagesize size limit maxresults itemsperpage top take pagelen chunksize pagelimit")
"""Names of page sizes and maxima. They are never the number of all rows."""

_GROUPS = words("next paging pagination pages cursors cursor links link meta metadata pageinfo")
_ECHOES = words("filter filters query params parameters request search criteria")
_LEADS = words("cursor continuation continue bookmark scroll resumption resume marker token iterator")
_JOINED = (
    *("pagetoken", "evaluatedkey", "scrollid", "resumptiontoken", "continuationtoken", "pagestate", "pagingstate"),
    *("lastkey", "lastevaluated", "startkey", "startafter", "searchafter"),
)
_SECRETS = words(
    "access refresh csrf xsrf auth session id request sync delta device push user bearer security api client"
)
_BEHIND = words("prev previous first self start before current request sync delta newer")
_NO_PAGE = words(
    "at date time on sync refresh run step action billing invoice due delta payment attempt retry poll build gameweek "
    "round match episode week month year day season"
)
_NO_PAGE_ENDS = re.compile(r".*(at|date|time|sync\w*|refresh\w*|run|step|action|billing\w*|invoice\w*|due|delta\w*)")
_LEFT = words("remaining item items count row rows result results record records total page pages num number left")
_QUOTAS = re.compile(r"rate|quota|limit|credit|usage|request|calls|budget|throttl|cost")
_HELP = words("info details help docs documentation")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d")
_ALL_FOUND = words("found matched matching nbhits numbermatched matchcount available")
_OF_THE_PAGE = words("count resultcount itemcount rowcount recordcount numresults numitems resultsize numberofresults")
"""Names of numbers that may also count the rows of the page."""
_NOTHING: Final[tuple[Any, ...]] = (None, "", False, 0, "0", [], {})


def says_more(name: str) -> bool:
    """Whether a value with this name says if there is more."""
    return name in _MORE or bool(_HAS_MORE.fullmatch(name)) or bool(_CUT.search(name))


def is_moment(value: Any) -> bool:
    return isinstance(value, str) and bool(_MOMENT.match(value))


def is_no_page(key: str) -> bool:
    """Whether "next" in the name means something else than a page: a date, a run, an invoice."""
    parts = parts_of(key)
    return any(part in _NO_PAGE for part in parts) or (len(parts) < 2 and bool(_NO_PAGE_ENDS.fullmatch(plain(key))))


def sign_of_more(response: Response, data: list[Any]) -> str | None:
    """The first sign of more rows in the headers or the body."""
    if sign := _sign_in_headers(response, len(data)):
        return sign
    body = response.json()
    if not isinstance(body, dict) or (len(data) == 1 and data[0] is body):
        return None
    names = [plain(key) for key in _names_of(body, data)]
    return _sign_in(list(entries_of(body, data)), len(data), names, way_to(body, data))


# Headers ------------------------------------------------------------------------------------------------------------


def _sign_in_headers(response: Response, count: int) -> str | None:
    if _NEXT_LINK.search(response.headers.get("Link", "")) or any(
        "next" in re.split(r"\W+", relation.lower()) for relation in response.links
    ):
        return "a Link header leads to more"
    for name, value in response.headers.items():
        said = value.strip()
        if sign := _sign_in_header(name, said, count):
            return sign
    if response.status_code == 206 and not _ends(response.headers.get("Content-Range", "")):
        return "its status is 206, a part"
    return None


def _sign_in_header(name: str, said: str, count: int) -> str | None:
    low = name.lower()
    number = int(said) if re.fullmatch(r"\d{1,15}", said, re.ASCII) else 0
    parts = low.split("-")
    if number > 1 and _counts_pages(low):
        return f"the header {name} says that there are {number} pages"
    if number > count and _counts_rows(low):
        return f"the first answer has {count} of {number} rows, as the header {name} says"
    if said.lower() == "true" and any(part in _CUT_SHORT for part in parts) and not any(p in _ALLOWS for p in parts):
        return f"the header {name} says that there is more"
    if low == "content-range" and (total := re.fullmatch(r"(?:[\w-]+[ =])?\d+-\d+/(\d{1,15})", said)):
        if int(total[1]) > count:
            return f"the first answer has {count} of {int(total[1])} rows, as the header {name} says"
        return None
    if low in _HEADER_JSON and said.startswith("{"):
        try:
            told = parse(said.encode())
        except ValueError:
            return None
        sign = _sign_in(list(entries_of(told, [])), count, [])
        return f"in the header {name} {sign}" if sign else None
    others = _HEADER_OTHERS | _HELP | _ALLOWS
    leads = any(part in _HEADER_LEADS for part in parts) and not any(part in others for part in parts)
    return f"the header {name} leads to more" if leads and said.lower() not in ("", "0", "false", "null") else None


def _counted(header: str) -> str:
    """What a header with a number counts: `totalrecordcount` for `x-paging-total-record-count`."""
    return "".join(part for part in header.split("-") if part not in _HEADER_FRAME).removesuffix("size")


def _counts_rows(header: str) -> bool:
    counted = _counted(header)
    return bool(_HOW_MANY.fullmatch(counted)) and counted not in _NOT_HOW_MANY


def _counts_pages(header: str) -> bool:
    return bool(_HOW_MANY_PAGES.fullmatch(_counted(header)))


def _ends(content_range: str) -> bool:
    """Whether a part is the last one."""
    found = re.fullmatch(r"(?:[\w-]+[ =])?\d+-(\d{1,15})/(\d{1,15})", content_range.strip())
    return found is not None and int(found[1]) + 1 >= int(found[2])


# The body -----------------------------------------------------------------------------------------------------------


def _names_of(body: dict[str, Any], data: list[Any], depth: int = 0) -> Iterator[str]:
    """What the list of the rows is called."""
    for key, value in body.items():
        if is_rows(value, data):
            yield key
        elif isinstance(value, dict) and depth < 2:
            yield from _names_of(value, data, depth + 1)


def _sign_in(entries: list[Entry], count: int, names: list[str], way: tuple[str, ...] | None = None) -> str | None:
    totals = TOTALS | {form.format(name) for name in names for form in ("total{}", "{}total", "{}count", "num{}")}
    for entry in entries:
        place = entry.place
        is_of_rows = counts_rows(entry, entries, way, count)
        if is_of_rows and entry.name in totals and (total := _total(entry.value)) is not None and total > count:
            return f"the first answer has {count} of {total} rows, as {place} says"
        if says_more(entry.name) and truth_of(entry.value):
            return f"{place} says that there is more"
        if entry.name in _OVER and (entry.value is False or entry.value in ("false", "False")):
            return f"{place} says that there is more"
        if entry.name in PAGE_COUNTS and (whole(entry.value) or 0) > 1:
            return f"{place} says that there are {whole(entry.value)} pages"
        if sign := _sign_by_kind(entry, count, is_of_rows):
            return sign
    if end := place_of_more(entries, way, count):
        return f"{end.place} says that there are more pages than this one"
    if any(_is_the_end(entry) for entry in entries):
        return None
    for entry in entries:
        if _leads_on(entry) and not _is_the_first_row(entry, entries, count):
            return f"{entry.place} seems to lead to more"
    return _full_page(entries, count, totals)


def _sign_by_kind(entry: Entry, count: int, is_of_rows: bool) -> str | None:
    """Signs by the words of a name, for names that are in no list: `nbHits`, `numberMatched`, `reachedEnd`."""
    name, value, place = entry.name, entry.value, entry.place
    parts = parts_of(entry.path[-1])
    number = whole(value) or 0
    if is_of_rows and number > count and _HOW_MANY.fullmatch(name) and name not in _NOT_HOW_MANY:
        return f"the first answer has {count} of {number} rows, as {place} says"
    if number > 1 and _HOW_MANY_PAGES.fullmatch(name):
        return f"{place} says that there are {number} pages"
    if value is True and not any(part in _ALLOWS for part in parts):
        is_at_a_limit = "limit" in parts and "reached" in parts
        return f"{place} says that there is more" if is_at_a_limit or any(p in _CUT_SHORT for p in parts) else None
    if value is False and parts[:1] == ["no"] and "more" in parts:
        return f"{place} says that there is more"
    if value is False and any(part in _AT_AN_END for part in parts) and all(part in _ENDS for part in parts):
        return f"{place} says that there is more"
    if isinstance(value, str) and any(part in _SHOWN for part in parts) and (found := _PLACE_OF.fullmatch(value)):
        return f"{place} says that there is more" if int(found[1]) < int(found[2]) else None
    return None


def _is_the_first_row(entry: Entry, entries: list[Entry], count: int) -> bool:
    """Whether the offset is 1 and the page is not full."""
    return (
        entry.name == "offset"
        and whole(entry.value) == 1
        and any(one.name in SIZES and (whole(one.value) or 0) > count for one in entries)
    )


def headers_count(headers: Iterable[str]) -> bool:
    """Whether headers give the number of rows or pages."""
    return any(_counts_rows(low) or _counts_pages(low) for low in map(str.lower, headers))


def says_the_end(entry: Entry, count: int) -> bool:
    """Whether an entry says that these are all rows: a total, a size, or no next page."""
    return _is_the_end(entry) or _says_all(entry, count)


def _says_all(entry: Entry, count: int) -> bool:
    name, number = entry.name, whole(entry.value)
    if name.startswith("next") and entry.value in _NOTHING:
        return True
    if name in SIZES:
        return number is not None and number > count
    is_total = name in TOTALS | _ALL_FOUND or name.startswith("total") or name.endswith("total")
    return is_total and name not in _OF_THE_PAGE and number == count


def _is_the_end(entry: Entry) -> bool:
    if entry.name in PAGE_COUNTS:
        return whole(entry.value) in (0, 1)
    return (says_more(entry.name) and truth_of(entry.value) is False) or (entry.name in _OVER and entry.value is True)


def _full_page(entries: list[Entry], count: int, totals: frozenset[str]) -> str | None:
    """A sign: the page is as long as the answer says that pages are, and nothing says that it is the only one."""
    place = next((one for one in entries if one.name in PLACES and whole(one.value) is not None), None)
    size = next((one for one in entries if one.name in SIZES and whole(one.value) == count), None)
    has_total = any(one.name in totals and _total(one.value) is not None for one in entries)
    ends = any(one.name.startswith("next") and one.value in _NOTHING for one in entries)
    if not count or place is None or size is None or has_total or ends:
        return None
    return f"the page is full, as {size.place} and {place.place} say, and nothing says that it is the last one"


def _total(value: Any) -> int | None:
    """A number of rows, also in texts such as `250 records`, `1,250` and `1-100 of 250`."""
    if isinstance(value, str) and (found := re.fullmatch(r"(?:.{0,30}\bof )?(\d[\d,]{0,14})(?: [A-Za-z]+)?", value)):
        return int(found[1].replace(",", ""))
    return whole(value)


def _leads_on(entry: Entry) -> bool:
    """Whether it looks like a link or cursor to a next page, even one that cannot be followed."""
    key, value = entry.path[-1], entry.value
    if entry.filter:
        return True
    if not _is_something(value) or is_moment(value):
        return False
    parts = parts_of(key)
    if (parts and parts[0] in _BEHIND) or is_no_page(key):
        return False
    if entry.name.startswith("next") or entry.group == "next" or "next" in parts or "older" in parts:
        return True
    if isinstance(value, bool):
        return False
    if "forward" in parts and isinstance(value, str) and value.startswith(("http://", "https://", "/")):
        return True
    if "more" in parts and isinstance(value, str):
        return not any(part in _HELP for part in parts)
    if "remaining" in entry.name:
        is_quota = bool(_QUOTAS.search(entry.group))
        return (whole(value) or 0) > 0 and not is_quota and all(part in _LEFT for part in parts)
    if entry.name == "offset" or (isinstance(value, str) and not value.isdigit() and "offset" in entry.name):
        return True
    if any(part in _LEADS for part in parts) or any(one in entry.name for one in _JOINED):
        return not ("token" in parts and any(part in _SECRETS for part in parts))
    return entry.name == "after" and (entry.group in _GROUPS or (isinstance(value, str) and entry.group not in _ECHOES))


def _is_something(value: Any, depth: int = 0) -> bool:
    if value in _NOTHING:
        return False
    if isinstance(value, dict) and depth < 3:
        return any(_is_something(inner, depth + 1) for inner in value.values())
    return True


def parts_of(key: str) -> list[str]:
    """The words of a name: next, page and token of `nextPageToken` and of `next_page_token`."""
    return [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", key)]
