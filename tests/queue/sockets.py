"""This process's connections to the database, to cut them as a firewall would."""

from __future__ import annotations

import contextlib
import os
import socket


def sockets_to(port: int) -> set[int]:
    """Descriptors of this process's connections to a port of the database."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(name))) as each:
                if each.family in (socket.AF_INET, socket.AF_INET6) and each.getpeername()[1] == port:
                    found.add(int(name))
    return found


def cut(descriptors: set[int]) -> None:
    """Shut them down; a descriptor that is closed already is passed over."""
    for descriptor in descriptors:
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as each:
            each.shutdown(socket.SHUT_RDWR)
