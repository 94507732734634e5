"""What differs between two places: pure, so that it can be tested with made-up trees."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vai_common.errors import ErrorCode
from vai_extract_worker.sync.places import Entry, FileFault, LeftOut

Json = dict[str, Any]


@dataclass(frozen=True)
class Known:
    """A file of the lake, or what was pushed of it. `mark` is what the outside said of it then."""

    path: str
    location: str | None
    size: int
    sha256: str
    mark: Json


@dataclass
class Listing:
    """The files of a place, each path once; `left_out` are those that are not transferred."""

    files: dict[str, Entry] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether what is not in it is certainly not there."""
        return not any(one.is_folder for one in self.left_out)

    @property
    def paths(self) -> set[str]:
        """Of all that is there, transferred or not."""
        return {*self.files, *(one.path for one in self.left_out)}


def listing_of(found: Iterable[Entry | LeftOut]) -> Listing:
    """Names that are the same after normalising are left out, all of them: none is the right one."""
    listing, twice = Listing(), defaultdict[str, list[str]](list)
    for one in found:
        if isinstance(one, LeftOut):
            listing.left_out.append(one)
        elif one.path in listing.files:
            twice[one.path].append(one.name)
        else:
            listing.files[one.path] = one
    for path, names in twice.items():
        del listing.files[path]
        text = f"{path} is there {len(names) + 1} times: rename all but one. Names that differ only in how their "
        text += "characters are composed (Unicode's NFC and NFD) are one name."
        error = FileFault(ErrorCode.DATA_ERROR, text, {"path": path})
        listing.left_out.append(LeftOut(path, error))
    return listing


def is_same(mark: Mapping[str, Any], entry: Entry) -> bool:
    """Whether a file is certainly the one that was remembered; False where nothing tells."""
    if entry.size is not None and mark.get("size") != entry.size:
        return False
    if entry.etag is not None and "etag" in mark:
        return bool(mark["etag"] == entry.etag)
    return entry.modified is not None and mark.get("modified") == entry.modified
