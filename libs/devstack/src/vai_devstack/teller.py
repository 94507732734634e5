"""The messages of the stack's own process: to the terminal that started it, and to .vai/logs/supervisor.log."""

import contextlib
import os
import sys
from pathlib import Path
from typing import TextIO

from vai_common.clock import now
from vai_devstack.errors import StackError
from vai_devstack.servers.process import tail


class Teller:
    """Says each line to both; a reader that has gone away does no harm."""

    def __init__(self, log: Path, stream: TextIO | None = None) -> None:
        self._log = log
        self._stream = stream or sys.stdout

    def say(self, line: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(line + "\n")
            self._stream.flush()
        with contextlib.suppress(OSError), self._log.open("a") as log:
            log.write(f"{now():%Y-%m-%dT%H:%M:%S.%fZ} {line.strip()}\n")

    def complain(self, error: StackError) -> None:
        """Say what failed, the end of the log that shows why, and what to do next."""
        if error.log is not None:
            self.say(f"--- the end of {error.log}")
            for line in tail(error.log):
                self.say(f"  {line}")
            self.say("---")
        self.say(f"The stack did not start: {error.message}.")
        if error.advice:
            self.say(f"What to do: {error.advice}.")

    def leave(self) -> None:
        """Close the terminal or pipe from which it was started. From now on messages go to the log only."""
        with contextlib.suppress(OSError):
            self._stream.flush()
        target = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        for descriptor in (1, 2):
            os.dup2(target, descriptor)
        os.close(target)
        self._stream = open(os.devnull, "w")  # noqa: SIM115 - for the rest of the process
