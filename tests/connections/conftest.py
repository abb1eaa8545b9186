"""What tests of connections share."""

from __future__ import annotations

from tests.databases import Instance


def forget_connections(database: Instance) -> None:
    """Delete all connections: tests that come later in the same database use the same names."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("delete from concord.data_connections")
        cursor.execute("delete from concord.job_limits")
        connection.commit()
