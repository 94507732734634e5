"""Errors of the demo."""


class DemoFailed(Exception):
    """The demo could not be completed. `advice` says what to do next."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
