"""The settings of a session's PostgreSQL connection (role, oracle.*): what is wanted, and what is in force."""

from __future__ import annotations

from collections.abc import Mapping

from app.localdb.parameters import NLS_DEFAULTS


def first_settings(play: str, service: str) -> dict[str, str]:
    """What every session begins with."""
    return {
        "oracle.time_zone": "+00:00",
        "oracle.play": play,
        "oracle.service_name": service,
        "oracle.instance_name": "FREE",
        "oracle.db_name": service,
        **{f"oracle.{name.lower()}": value for name, value in NLS_DEFAULTS.items()},
    }


class Settings:
    """PostgreSQL takes settings back when a transaction is rolled back; here they hold whatever happens."""

    def __init__(self, wanted: Mapping[str, str]) -> None:
        self.wanted = dict(wanted)
        self._applied: dict[str, str] = {}
        self._committed: dict[str, str] = {}

    def pending(self) -> str | None:
        """The statement that brings into force what is not; None when all is. Counts as run."""
        if self._applied == self.wanted:
            return None
        changed = {name: value for name, value in self.wanted.items() if self._applied.get(name) != value}
        self._applied = dict(self.wanted)
        calls = ", ".join(
            f"set_config({_literal(name)}, {_literal(value)}, false)" for name, value in changed.items()
        )
        return f"select {calls}"

    def unknown(self) -> None:
        """Part of a transaction was undone: set all of them again."""
        self._applied = {}

    def committed(self) -> None:
        self._committed = self._applied

    def rolled_back(self) -> None:
        self._applied = self._committed


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
