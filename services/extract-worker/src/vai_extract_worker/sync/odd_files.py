"""What a folder has beside plain files, in words: links, pipes, and what stands where a file is to be written."""

from vai_common.errors import ErrorCode, Retryable
from vai_extract_worker.sync.names import MOST_BYTES
from vai_extract_worker.sync.places import FileFault


def linked_folder(path: str) -> FileFault:
    text = f"{path} is a link to a folder, and links are not followed: name that folder in a sync of its own."
    return FileFault(ErrorCode.DATA_ERROR, text, {"path": path})


def leads_nowhere(path: str) -> FileFault:
    text = f"{path} is a link to a file that is not there, and is left out: mend or remove the link."
    return FileFault(ErrorCode.DATA_ERROR, text, {"path": path})


def leads_out(path: str, folder: str) -> FileFault:
    """`folder` is the one that may not be left, in words."""
    text = f"{path} leads out of the folder {folder}, and is left out: put the file itself there."
    return FileFault(ErrorCode.DATA_ERROR, text, {"path": path})


def no_file(path: str) -> FileFault:
    text = f"{path} is no file but a pipe, a socket or a device, and is left out."
    return FileFault(ErrorCode.DATA_ERROR, text, {"path": path})


def in_the_way(path: str, why: str) -> FileFault:
    text = f"{path} was not written: a file, a folder or a link with a part of its name stands in its way ({why})."
    return FileFault(ErrorCode.DATA_ERROR, text, {"path": path})


def no_room(path: str, why: str) -> Retryable:
    text = f"{path} was not written, since there is no room for it ({why}): make room, then run again."
    return Retryable(ErrorCode.CONNECTION_ERROR, text, {"path": path})


def too_deep(path: str) -> FileFault:
    text = f"{path}… is left out: the folders on the way have more than {MOST_BYTES:,} letters. Sync one of them."
    return FileFault(ErrorCode.DATA_ERROR, text, {"path": path})
