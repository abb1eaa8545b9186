"""A second client by other hands: node-oracledb in thin mode, installed into a temporary folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Instance

PACKAGE = "oracledb@26"  # the newest of this major version
SMOKE = Path(__file__).with_name("node") / "smoke.js"


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose node_modules has node-oracledb."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("node")
    done = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", f"--prefix={folder}", PACKAGE],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    if done.returncode:
        pytest.skip(
            f"npm cannot fetch {PACKAGE}: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}"
        )
    return folder / "node_modules"


@pytest.fixture
def user(localdb: Instance) -> str:
    with localdb.connect() as dba, dba.cursor() as cursor:
        cursor.execute("create user node_client identified by tiger")
        cursor.execute(
            "grant create session, create table, create procedure, unlimited tablespace to node_client"
        )
    return "node_client"


def test_node_oracledb_works_unchanged(localdb: Instance, modules: Path, user: str) -> None:
    settings = {"user": user, "password": "tiger", "connectString": localdb.dsn}
    done = subprocess.run(
        ["node", str(SMOKE)],
        env=os.environ | {"LOCALDB": json.dumps(settings), "NODE_PATH": str(modules)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen.pop("version").startswith(("19.", "23."))
    assert seen == {
        "inserted": 1,
        "many": 500,
        "returned": {"ids": [1, 2, 3], "names": ["ÄNNE", "NAME 0", "NAME 1"]},
        "name": "ÄNNE",
        "born": True,
        "photo": True,
        "story": True,
        "columns": ["NAME", "BORN", "PHOTO", "STORY"],
        "moments": 602,
        "zoned": True,
        "rows": 501,
        "first": [[1, "ÄNNE"], [2, "NAME 0"]],
        "count": 2,
        "text": "ready!",
        "cursor": [[500, "name 498"], [501, "name 499"]],
        "missing": 942,
        "twice": 1,
        "compiled": 6550,
        "pooled": 501,
    }
