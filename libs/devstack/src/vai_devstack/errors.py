"""Errors of the stack, each with advice on what to do next."""

from pathlib import Path

_ADVICE = {
    "No space left on device": "Make room on the disk, or name a folder on another one: VAI_HOME=… make up",
    "Disk quota exceeded": "Make room on the disk, or name a folder on another one: VAI_HOME=… make up",
    "Read-only file system": "Name a folder that can be written: VAI_HOME=… make up",
    "Permission denied": "Start as a user who is not root, or name a folder that others may enter: VAI_HOME=… make up",
    "not found in the same directory": "Start as a user who is not root, from a folder that this user may enter",
    "shared memory": "Another Postgres may hold it: stop it, or restart the machine",
}


class StackError(Exception):
    """Why the stack cannot do what was asked; `advice` says what to do, `log` is the file whose end shows the cause."""

    def __init__(self, message: str, advice: str = "", log: Path | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.log = log


def advice_for(reason: str) -> str:
    """The advice for an error text of the system or a program. Empty if there is none."""
    return next((advice for word, advice in _ADVICE.items() if word in reason), "")


def of_system(error: OSError) -> StackError:
    """An error of the operating system as an error of the stack: the file, and the system's own reason."""
    where = f"{error.filename}: " if error.filename else ""
    reason = error.strerror or str(error)
    return StackError(f"{where}{reason}", advice_for(reason))
