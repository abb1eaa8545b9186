"""Lists of values for IN, as binds of few lengths: few lengths are few statements in the shared pool."""

from __future__ import annotations

from collections.abc import Collection, Iterator

_LENGTHS = (1, 16, 256)  # Oracle takes up to 1000


def lists_of_binds(values: Collection[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each list as its text, `:id_0, :id_1, ...`, and its binds; a list is filled up with its last value."""
    waiting = sorted(values)
    while waiting:
        some, waiting = waiting[: _LENGTHS[-1]], waiting[_LENGTHS[-1] :]
        length = next(length for length in _LENGTHS if length >= len(some))
        binds = {f"id_{n}": some[min(n, len(some) - 1)] for n in range(length)}
        yield ", ".join(f":{name}" for name in binds), binds
