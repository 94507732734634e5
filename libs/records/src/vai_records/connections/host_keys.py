"""The keys by which an SSH server is known: whole, as `ssh-keyscan` and known_hosts have them, or as fingerprints."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from itertools import pairwise

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_KIND = re.compile(r"(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]{1,64}")


@dataclass(frozen=True)
class HostKey:
    """`fingerprint` is `SHA256:…`, as ssh shows it; `kind` is empty where only that is known."""

    fingerprint: str
    kind: str = ""


def host_key_of(text: str) -> HostKey:
    """A fingerprint; or `ssh-ed25519 AAAA…`, also with a host before it and a comment behind. Raises ValueError."""
    words = text.split()
    if len(words) == 1 and _FINGERPRINT.fullmatch(words[0]):
        return HostKey(words[0])
    for kind, data in pairwise(words[:3]):
        if _KIND.fullmatch(kind) and not words[0].startswith(("@", "#")) and (blob := _decoded(data)) is not None:
            named = len(kind).to_bytes(4, "big") + kind.encode()
            if blob.startswith(named) and len(blob) > len(named):
                digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
                return HostKey(f"SHA256:{digest}", kind)
    raise ValueError("a host key is a line of ssh-keyscan (ssh-ed25519 AAAA…), or a fingerprint (SHA256:…)")


def is_host_key(text: object) -> bool:
    try:
        return isinstance(text, str) and bool(host_key_of(text))
    except ValueError:
        return False


def _decoded(data: str) -> bytes | None:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None
