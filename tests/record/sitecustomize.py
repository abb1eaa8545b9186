"""Notes each statement that succeeds in this process, once, in a file of the folder STATEMENT_RECORD.

Python imports a module of this name at its start when the folder of this file is in PYTHONPATH: so the processes that
tests start are seen too. It needs nothing of the project, and imports the driver only when the process does.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import types
import uuid
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

VARIABLE = "STATEMENT_RECORD"
SEPARATOR = b"\0"
_METHODS: dict[str, dict[str, tuple[str, ...]]] = {
    "oracledb.cursor": dict.fromkeys(
        ("Cursor", "AsyncCursor"), ("execute", "executemany", "callproc", "callfunc")
    ),
    "oracledb.connection": dict.fromkeys(
        ("Connection", "AsyncConnection"), ("fetch_df_all", "fetch_df_batches")
    ),
    "oracledb.subscr": {"Subscription": ("registerquery",)},
}
_noted: set[str] = set()
_file = -1


def watch(folder: str) -> None:
    """Note statements in `folder` from now on."""
    global _file
    path = os.path.join(folder, uuid.uuid4().hex)
    _file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    sys.meta_path.insert(0, _Finder())
    for name in _METHODS:
        if name in sys.modules:
            _put_around(sys.modules[name])


def _note(method: str, statement: object) -> None:
    if method in ("callproc", "callfunc"):
        statement = f"begin {statement}(); end;"
    if isinstance(statement, str) and statement not in _noted:
        _noted.add(statement)
        os.write(_file, statement.encode() + SEPARATOR)


def _watched(method: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def run_async(self: Any, statement: Any = None, *arguments: Any, **named: Any) -> Any:
            result = await method(self, statement, *arguments, **named)
            _note(method.__name__, statement)
            return result

        return run_async

    @functools.wraps(method)
    def run(self: Any, statement: Any = None, *arguments: Any, **named: Any) -> Any:
        result = method(self, statement, *arguments, **named)
        _note(method.__name__, statement)
        return result

    return run


def _put_around(module: types.ModuleType) -> None:
    for name, methods in _METHODS[module.__name__].items():
        kind = getattr(module, name)
        for method in methods:
            if method in vars(kind):
                setattr(kind, method, _watched(vars(kind)[method]))


class _Finder(MetaPathFinder):
    """Finds the driver's modules as ever, and puts the notes around their methods when they are there."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in _METHODS:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(Loader):
    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> types.ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: types.ModuleType) -> None:
        self._loader.exec_module(module)
        _put_around(module)


if os.environ.get(VARIABLE):
    watch(os.environ[VARIABLE])
