"""Refusals and failures of a comparison, each with a sentence for a person and whether a retry can help."""

from __future__ import annotations


class EngineError(Exception):
    """A comparison that cannot be done, or that broke.

    `sentence` says what was wrong, with which value, and what to do; it is safe to show to a user.
    `retryable` is True when the same request may succeed later (a cut connection, a full disk).
    """

    retryable = False

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class BadPlan(EngineError):
    """The request does not fit the two tables: unknown columns, no key, a rule on the wrong type."""


class IncomparableTypes(EngineError):
    """A column has types on the two sides between which no equality is defined."""


class KeyNotUnique(EngineError):
    """The plan requires a unique key and the key occurs more than once."""


class UnsupportedColumn(EngineError):
    """A column has a type that Concord cannot read."""


class SourceFailed(EngineError):
    """A source could not be read for a reason that stays (table gone, no privilege, a value out of range)."""


class SourceInterrupted(SourceFailed):
    """Reading a source broke off for a passing reason (connection lost, database restarting)."""

    retryable = True


class FileFailed(SourceFailed):
    """A file cannot be read: not there, damaged, a bad line, a value that is not of its column's type."""


class FileInterrupted(FileFailed, SourceInterrupted):
    """A file was changed while it was read, or its disk failed; a retry can help."""


class WorkFolderFull(EngineError):
    """The folder for spilled data has no room left."""

    retryable = True


class MemoryLimitReached(EngineError):
    """The comparison does not fit into its memory limit, not even by spilling to disk."""
