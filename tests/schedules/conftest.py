"""The queue of tests/queue, with a storage of schedules on it."""

from tests.queue.conftest import queue

__all__ = ["queue"]
