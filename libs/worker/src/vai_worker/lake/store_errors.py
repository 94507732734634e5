"""What an object store means by an error. Its own words are pages, with addresses of the lake in them."""

import re

_MEANINGS = {
    "NoSuchBucket": "there is no such bucket",
    "SignatureDoesNotMatch": "its secret key is wrong",
    "InvalidAccessKeyId": "its access key is not known there",
    "ExpiredToken": "its session token has expired",
    "AccessDenied": "its keys may not",
    "PermanentRedirect": "the bucket is in another region",
    # Where the answer has no body, obstore's own words.
    "PermissionDeniedError": "its keys may not",
    "UnauthenticatedError": "its keys are not known there",
}
_CODE = re.compile(r"(?:<Code>|\bcode: \"?)(\w+)")
_STATUS = re.compile(r"status code: (\d{3})")
_NO_CONNECTION = re.compile(r"HTTP error: error (?:sending request|trying to connect)")
_CUT = re.compile(r"Error performing |Debug source|\n")

ADVICE = "see VAI_LAKE_URL, AWS_… and the rights PutObject, GetObject, DeleteObject, ListBucket"


def meaning(error: Exception) -> str | None:
    """In a few words; None where it is none of the refusals that are known."""
    words = [*_CODE.findall(str(error)), type(error).__name__]
    return next((_MEANINGS[word] for word in words if word in _MEANINGS), None)


def in_few_words(error: Exception) -> str:
    """What it means; of an error that is not known, the beginning of what it says, and the status of the answer."""
    if known := meaning(error):
        return known
    text = str(error).strip()
    if _NO_CONNECTION.search(text):
        return "there is no connection to its store"
    status = _STATUS.search(text)
    said = " ".join(_CUT.split(text)[0].split()).rstrip(" :")[:200] or type(error).__name__
    return f"{said} (HTTP {status[1]})" if status else said
