"""`vai` that has been imported once: each call is a fork of it, with its caller's folder, environment and streams.

Started anew, a call spends most of its time on imports. `python warm_vai.py SOCKET` serves; its callers send
the three streams, then arguments, folder and environment as JSON, and get the exit code.
"""

import json
import os
import socket
import sys
from pathlib import Path

CALLER = """
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect(sys.argv[1])
told = json.dumps([sys.argv[2:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(server, [len(told).to_bytes(4, "big")], [0, 1, 2])
server.sendall(told)
sys.exit(int(server.recv(8) or b"70"))
"""


def serve(path: Path) -> None:
    """Until it is killed."""
    from vai.cli import app

    listening = socket.socket(socket.AF_UNIX)
    listening.bind(f"{path}.new")
    listening.listen()
    os.rename(f"{path}.new", path)
    while True:
        caller, _ = listening.accept()
        if os.fork() == 0:
            if os.fork() == 0:  # the one between ends at once, so that nothing waits for its children
                _answer(caller, app)
            os._exit(0)
        os.wait()
        caller.close()


def _answer(caller: socket.socket, app: object) -> None:
    size, streams, _, _ = socket.recv_fds(caller, 4, 3)
    told = b""
    while len(told) < int.from_bytes(size, "big"):
        told += caller.recv(65_536)
    arguments, folder, environment = json.loads(told)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    code: object = 1
    try:
        app(args=arguments, prog_name="vai")  # type: ignore[operator]
        code = 0
    except SystemExit as ended:
        code = ended.code or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        caller.sendall(str(code if isinstance(code, int) else 1).encode())
        os._exit(0)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
