"""The database under the tests, and the record of what they executed.

The header line of a run says which database it is; `databases` says how to choose. `database` is an empty instance with
its DBA; `concord_db` has the product's schema installed and gives the Settings that its services use; `localdb` is the
local database whatever else is there. A run of all tests fails where a statement of the product was not executed.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.databases import Instance, LocalProcess, NoDatabase, choice, container, given
from tests.record import plugin

if TYPE_CHECKING:
    from app.settings import Settings

__all__ = ["Instance", "LocalProcess"]


def pytest_addoption(parser: pytest.Parser) -> None:
    plugin.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    try:
        name = choice().name
    except NoDatabase as error:
        raise pytest.UsageError(str(error)) from error
    config.pluginmanager.register(plugin.Plugin(config, name), "statement-record")


def pytest_report_header() -> str:
    return f"database: {choice()}"


@pytest.fixture(scope="session")
def localdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """The local database, whatever else is there."""
    with LocalProcess(tmp_path_factory.mktemp("localdb")) as process:
        yield process.instance


@pytest.fixture(scope="session")
def database(request: pytest.FixtureRequest) -> Iterator[Instance]:
    """The database of this run."""
    kind = choice().kind
    if kind == "local":
        yield request.getfixturevalue("localdb")
        return
    try:
        with container() if kind == "container" else given() as instance:
            yield instance
    except NoDatabase as error:
        pytest.exit(str(error), 4)


@pytest.fixture(scope="session")
def concord_db(database: Instance, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The product's schema installed; the settings of its services (API on a free port)."""
    from app.oracle.install import install
    from app.settings import Settings

    app_password = secrets.token_hex(8)
    for _ in install(
        dsn=database.dsn,
        user=database.user,
        password=database.password,
        owner="CONCORD",
        app_user="CONCORD_APP",
        app_password=app_password,
    ):
        pass
    return Settings(
        home=tmp_path_factory.mktemp("home"),
        db_dsn=database.dsn,
        db_user="CONCORD_APP",
        db_password=app_password,
        db_owner="CONCORD",
    )
