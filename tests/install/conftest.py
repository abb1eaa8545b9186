"""A schema of a test's own in the database of the run."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.oracle.check import check, inspect_from
from app.oracle.install import install, upgrade_from
from app.settings import Settings


class Place:
    """A schema of this test's own: its owner, its runtime user, and the DBA who installs there."""

    def __init__(self, database: Any) -> None:
        self.database = database
        name = f"T{secrets.token_hex(4).upper()}"
        self.owner, self.app_user, self.app_password = name, f"{name}_APP", secrets.token_hex(8)

    def install(self, **changes: str) -> list[str]:
        arguments = {
            "dsn": self.database.dsn,
            "user": self.database.user,
            "password": self.database.password,
            "owner": self.owner,
            "app_user": self.app_user,
            "app_password": self.app_password,
        }
        return list(install(**{**arguments, **changes}))

    def check(self) -> list[str]:
        return check(self.database.dsn, self.app_user, self.app_password, self.owner)

    def settings(self) -> Settings:
        """As `concord db` has them."""
        return Settings(
            home=Path("/nowhere"),
            db_dsn=self.database.dsn,
            db_user=self.app_user,
            db_password=self.app_password,
            db_owner=self.owner,
            install_user=self.database.user,
            install_password=self.database.password,
        )

    def upgrade(self) -> list[str]:
        return list(upgrade_from(self.settings()))

    def inspect(self) -> list[str]:
        return inspect_from(self.settings())

    def run(self, sql: str) -> list[Any]:
        with closing(self.database.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(f"alter session set current_schema = {self.owner}")
            cursor.execute(sql)
            rows = cursor.fetchall() if cursor.description else []
            connection.commit()
        return rows


@contextmanager
def dropped(place: Place) -> Iterator[Place]:
    """The place; whatever was installed there is gone afterwards."""
    yield place
    with closing(place.database.connect()) as connection, connection.cursor() as cursor:
        for user in (place.app_user, place.owner):
            cursor.execute("select count(*) from dba_users where username = :name", name=user)
            if cursor.fetchone() == (1,):
                cursor.execute(f"drop user {user} cascade")


@pytest.fixture
def place(database: Any) -> Iterator[Place]:
    with dropped(Place(database)) as place:
        yield place
