"""What a client writes into its session for others to read: module, action, ..., application contexts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.localdb.errors import oracle_error
from app.localdb.link import Link


class Tags(dict[str, str]):
    """Module, action, client_info, client_identifier: SQL sees them as settings of its session."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link

    def __setitem__(self, name: str, value: str) -> None:
        super().__setitem__(name, value)
        self._link.set(f"oracle.{name}", value)

    def pop(self, name: str, default: Any = None) -> Any:
        self._link.set(f"oracle.{name}", "")
        return super().pop(name, default)


class Contexts:
    """Application contexts. CLIENTCONTEXT is the one namespace that every client may write."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._known: set[str] = set()  # settings that hold a value, or held one

    def write(self, namespace: str, values: Mapping[str, str | None]) -> None:
        """A value that is None, or none at all, clears the namespace first. Raises ORA-28267."""
        if namespace.upper() != "CLIENTCONTEXT":
            raise oracle_error(28267)
        if any(value is None for value in values.values()) or not values:
            for setting in self._known:
                self._link.set(setting, "")
        for name, value in values.items():
            setting = f"oracle.context_{name.upper().encode().hex()}"  # any name makes a legal setting
            self._known.add(setting)
            self._link.set(setting, value or "")
