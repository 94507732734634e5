"""What can go wrong with a stack, told so that the reader knows what to do next."""

from pathlib import Path


class StackError(Exception):
    """Why the stack cannot do what was asked; `advice` says what to do, `log` is the file whose end shows the cause."""

    def __init__(self, message: str, advice: str = "", log: Path | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.log = log
