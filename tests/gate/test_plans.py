"""docs/plans.md names statements and indexes that exist; the workflows name what there is to run."""

from __future__ import annotations

import re

from tests.databases import ORACLE_IMAGE
from tests.gate.collect import ROOT, collect
from tests.gate.packages import specifications
from tests.gate.rules_plans import indexes

PLANS = (ROOT / "docs" / "plans.md").read_text()


def test_plans_are_of_statements_that_exist() -> None:
    named = re.findall(r"`(?:app/[\w/]+\.py:[\w.]+|[a-z]\w+\.[a-z]\w+)`", PLANS)
    owners = {text.owner.partition("#")[0] for text in collect().texts} | {
        name.lower() for name in specifications()
    }
    assert len(named) > 15
    assert {name.strip("`") for name in named} <= owners


def test_plans_use_indexes_that_exist() -> None:
    named = set(re.findall(r"`([A-Z][A-Z_]+_(?:IDX|PK|UK))`", PLANS))
    assert len(named) > 12
    assert named <= indexes().keys()


def test_the_image_of_the_tests_is_that_of_compose() -> None:
    assert f"image: {ORACLE_IMAGE}\n" in (ROOT / "compose.yaml").read_text()


def test_workflows_call_what_the_makefile_has_and_pin_their_actions() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for file in (ROOT / ".github" / "workflows").iterdir():
        text = file.read_text()
        assert set(re.findall(r"run: make ([\w-]+)", text)) <= targets
        uses = re.findall(r"uses: (\S+)", text)
        assert uses
        assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", use) for use in uses)
