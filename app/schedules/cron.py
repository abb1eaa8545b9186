"""Due times of a cron expression in a time zone.

Five fields as in crontab(5), read by cronsim the way Debian's cron does it: where the clock is put forward, a job at
a fixed hour that falls into the gap runs right after it; where the clock is put back, it runs once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

_A_SECOND = timedelta(seconds=1)


class CronError(ValueError):
    """The expression or the zone cannot be read; the text is a sentence."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class Cron:
    """An expression in a zone. Raises CronError if it cannot be one. All times in and out are aware UTC."""

    expression: str
    zone: str

    def __post_init__(self) -> None:
        self._simulate(datetime(2026, 1, 1, tzinfo=UTC))

    def after(self, moment: datetime) -> datetime | None:
        """The first due time after a moment; None if there is none within fifty years."""
        # In the hour that comes twice when the clock is put back, cronsim may name times of its first coming.
        return next((due for due in _utc(self._simulate(moment)) if due > moment), None)

    def latest(self, moment: datetime) -> datetime | None:
        """The last due time at or before a moment; None if there is none within fifty years."""
        # Two steps back and then forward: forward alone knows the changes of the clock.
        back = list(islice(_utc(self._simulate(moment, reverse=True)), 2))
        latest, following = None, self.after(back[-1] - _A_SECOND) if back else None
        while following is not None and following <= moment:
            latest, following = following, self.after(following)
        return latest

    def _simulate(self, moment: datetime, *, reverse: bool = False) -> CronSim:
        if len(self.expression.split()) != 5:
            raise CronError(
                "cron",
                f"{self.expression!r} is not a cron expression: it takes five fields, for minute, hour, day of "
                "month, month and day of week.",
            )
        try:
            zone = ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise CronError(
                "time_zone", f"{self.zone!r} is not the IANA name of a time zone, such as Europe/Berlin."
            ) from error
        try:
            return CronSim(self.expression, moment.astimezone(zone), reverse)
        except CronSimError as error:
            raise CronError("cron", f"{self.expression!r} is not a cron expression: {error}.") from error


def _utc(times: CronSim) -> Iterator[datetime]:
    return (due.astimezone(UTC) for due in times)
