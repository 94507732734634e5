"""What can keep the demo from its end."""


class DemoFailed(Exception):
    """Why the demo did not get through; `advice` says what to do next."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
