"""What stops a backup or a restore."""


class BackupError(Exception):
    """What is wrong, with what to do."""

    def __init__(self, fault: str, advice: str) -> None:
        super().__init__(f"{fault}. {advice}")
