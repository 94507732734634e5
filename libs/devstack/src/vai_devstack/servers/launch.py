"""Become another program that ends with its parent: `python -I -S launch.py PARENT SIGNAL USER COMMAND…`.

Only the standard library. The signal is what the kernel sends when the parent is gone, even by kill -9. USER is `-`, or
the uid to change to: Postgres refuses root. That user keeps the one capability that lets it walk through folders
that only root may enter (the stack's own is mode 700, and all of it may lie in /root), so no folder has to be opened to
others for its sake.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_SET_SECUREBITS = 28
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def _require(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _prctl(option: int, *values: int) -> None:
    padded = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    _require(_libc.prctl(option, *padded), f"prctl {option}")


def _become(uid: int) -> None:
    try:
        _prepare_way_in()
    except (
        OSError
    ) as error:  # a container may have taken that from root; where all may enter the folders, none is needed
        sys.stderr.write(f"cannot keep a way into folders that only root may enter: {error.strerror}\n")
        _set_user(uid)
        return
    _set_user(uid)
    bit = 1 << _CAP_DAC_OVERRIDE
    data = (_Data * 2)(_Data(bit, bit, bit), _Data(0, 0, 0))
    header = _Header(_CAPABILITY_VERSION_3, 0)
    _require(_libc.capset(ctypes.byref(header), ctypes.byref(data)), "capset")
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE)


def _prepare_way_in() -> None:
    """Without the first the kernel answers access(), by which Postgres looks for its files, as without capabilities."""
    _prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP)
    _prctl(_PR_SET_KEEPCAPS, 1)


def _set_user(uid: int) -> None:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def main(parent: str, signal: str, user: str, *command: str) -> None:
    if user != "-":
        _become(int(user))
    _prctl(_PR_SET_PDEATHSIG, int(signal))
    if os.getppid() != int(parent):  # the parent ended between the fork and the line above
        raise SystemExit(1)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
