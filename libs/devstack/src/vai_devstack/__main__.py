"""`python -m vai_devstack up|down|status|logs|clean|migrate|doctor|backup|restore`: what the Makefile calls.

Its variables are in the environment.
"""

import os
import sys

_NEEDED = (3, 11)


def _complain(message: str, advice: str) -> int:
    sys.stderr.write(f"{message}\nWhat to do: {advice}\n")
    return 1


def _dispatch(command: str) -> int:
    import asyncio

    from vai_devstack import backups, installation, show, up
    from vai_devstack.config import from_environment, home_from

    home = home_from()
    commands = {
        "up": lambda: up.up(from_environment(), detach=os.environ.get("DETACH", "") not in ("", "0")),
        "supervise": lambda: asyncio.run(up.run(from_environment(), detached=True)),
        "down": lambda: up.down(home),
        "migrate": lambda: installation.migrate(home),
        "doctor": lambda: installation.doctor(home),
        "backup": lambda: backups.backup(home, os.environ.get("TO", "")),
        "restore": lambda: backups.restore(home, os.environ.get("FROM", ""), os.environ.get("NAME", "")),
        "clean": lambda: up.clean(home),
        "status": lambda: show.status(home),
        "logs": lambda: show.logs(home, os.environ.get("SERVICE", ""), follow=sys.stdout.isatty()),
    }
    if command not in commands:
        return _complain(f"{command or 'nothing'} is no command", f"python -m vai_devstack {'|'.join(commands)}")
    return commands[command]()


def main(arguments: list[str]) -> int:
    if not sys.platform.startswith("linux"):
        return _complain(f"the embedded stack runs on Linux only, this is {sys.platform}", "use Linux, a VM or WSL 2")
    if sys.version_info < _NEEDED:
        return _complain("Python 3.11 or later is needed", "install it, remove .venv, and run make setup")
    try:
        from vai_devstack.errors import StackError, of_system
    except ImportError as error:
        return _complain(f"the package {error.name} is not installed", "make setup")
    try:
        return _dispatch(arguments[0] if arguments else "")
    except StackError as error:
        return _complain(error.message, error.advice or "see .vai/logs")
    except OSError as error:
        told = of_system(error)
        return _complain(told.message, told.advice or "see .vai/logs")
    except ImportError as error:
        return _complain(f"the package {error.name} is not installed", "make setup")
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
