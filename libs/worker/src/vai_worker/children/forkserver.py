"""The process from which heavy runs are forked. It has imported what they need, and holds no secrets (rule 12).

`forks` starts it as `python -m vai_worker.children.forkserver FD MODULE…`. Each request on the socket FD carries the
socket of a new child, the answer carries the child's pidfd. It ends with the worker, and its children end with it.
"""

import ctypes
import importlib
import os
import signal
import socket
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def hide_memory() -> None:
    """Make this process's memory and environment unreadable to other processes of the same user."""
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0)


def main(descriptor: int, parent: int, modules: list[str]) -> None:
    die_with_parent(parent)
    for module in ("vai_worker.children.child", *modules):
        importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests = socket.socket(fileno=descriptor)
    requests.send(b"ready")
    while True:
        _, descriptors, _, _ = socket.recv_fds(requests, 16, 1)
        if not descriptors:
            return
        _fork(requests, descriptors[0])


def _fork(requests: socket.socket, descriptor: int) -> None:
    server = os.getpid()
    child = os.fork()
    if child == 0:
        requests.close()
        die_with_parent(server)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        from vai_worker.children.child import run_job

        run_job(socket.socket(fileno=descriptor))
        os._exit(0)
    os.close(descriptor)
    handle = os.pidfd_open(child)
    socket.send_fds(requests, [str(child).encode()], [handle])
    os.close(handle)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
