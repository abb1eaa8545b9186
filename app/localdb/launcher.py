"""Becomes a PostgreSQL program that cannot outlive its parent: `launcher.py PARENT UID -- PROGRAM ARGS`.

Runs by path in a bare interpreter (no site, no package), because what happens here must not happen in a
process that has threads. PostgreSQL refuses to run as root, so root becomes UID; the one capability it
keeps, CAP_DAC_READ_SEARCH, lets that user reach programs and data below folders that only root may enter.
UID -1 means: stay who you are. Exit status 90 to 94 tell which step the system refused.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
CAP_DAC_READ_SEARCH = 2
CAPABILITY_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def become(libc: ctypes.CDLL, uid: int) -> None:
    """From root to `uid`, keeping CAP_DAC_READ_SEARCH across exec."""
    libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    try:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    except OSError:
        os._exit(90)
    bit = 1 << CAP_DAC_READ_SEARCH
    sets = (_Sets * 2)(_Sets(bit, bit, bit), _Sets(0, 0, 0))
    if libc.capset(ctypes.byref(_Header(CAPABILITY_VERSION_3, 0)), sets):
        os._exit(91)
    if libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0):
        os._exit(92)


def main() -> None:
    parent, uid, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[4:]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if uid >= 0:
            become(libc, uid)
        # After become(): a change of user clears the death signal.
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(93)
    try:
        os.execv(command[0], command)
    except OSError:
        os._exit(94)


main()
