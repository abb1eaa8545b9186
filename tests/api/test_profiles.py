"""Profiles of rules: kept, changed, used by comparisons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.accounts.permissions import Role
from tests.api.conftest import Caller, Client

RULES = {"PRICE": {"tolerance": "0.010"}, "name": {"ignore_case": True}, "NOT_THERE": {"trim": True}}


@pytest.fixture
def name(api: Caller, request: pytest.FixtureRequest) -> str:
    """A profile with RULES, new for each test."""
    made = f"P.{abs(hash(request.node.name)) % 10**9}"
    api.data("POST", "/profiles", json={"name": made, "rules": RULES, "description": "for parts"})
    return made


def test_a_profile_keeps_its_rules_with_every_digit(api: Caller, name: str) -> None:
    kept = api.data("GET", f"/profiles/{name}")
    assert kept["rules"] == RULES
    assert (kept["description"], kept["version"]) == ("for parts", 1)
    assert name in [profile["name"] for profile in api.data("GET", "/profiles")["items"]]


def test_a_profile_is_replaced_and_deleted(api: Caller, name: str) -> None:
    changed = api.data("PUT", f"/profiles/{name}", json={"rules": {"X": {"trim": True}}})
    assert (changed["rules"], changed["description"], changed["version"]) == ({"X": {"trim": True}}, None, 2)
    api.data("DELETE", f"/profiles/{name}")
    assert api("GET", f"/profiles/{name}").status_code == 404
    assert api("DELETE", f"/profiles/{name}").status_code == 404
    assert api("PUT", f"/profiles/{name}", json={"rules": RULES}).status_code == 404


def test_there_is_one_profile_of_a_name(api: Caller, name: str) -> None:
    answer = api("POST", "/profiles", json={"name": name, "rules": RULES})
    assert (answer.status_code, answer.json()["message"]) == (409, f"There is already a profile {name}.")


@pytest.mark.parametrize(
    "profile",
    [
        {"name": "a b", "rules": RULES},
        {"name": "x", "rules": {}},
        {"name": "x", "rules": {"A": {"tolerance": "-1"}}},
        {"name": "x", "rules": {"A": {"unknown": 1}}},
        {"name": "x" * 101, "rules": RULES},
        {"name": "x"},
    ],
)
def test_a_bad_profile_is_refused(api: Caller, profile: dict[str, Any]) -> None:
    assert api("POST", "/profiles", json=profile).status_code == 422


def test_a_comparison_names_a_profile(api: Caller, parts: dict[str, Any], name: str) -> None:
    answer = api("POST", "/compare", json={**parts, "profile": name})
    assert answer.status_code == 202, answer.text
    job = api.data("GET", f"/jobs/{answer.json()['data']['job_id']}")
    assert job["request"]["profile"] == name
    refused = api("POST", "/compare", json={**parts, "profile": "nobody"})
    assert (refused.status_code, "there is no profile nobody" in refused.json()["message"]) == (422, True)


def test_a_viewer_may_look_at_profiles_only(
    anonymous: Client, headers_of: Callable[[Role], dict[str, str]], name: str
) -> None:
    viewer = Caller(anonymous, headers_of(Role.VIEWER))
    assert viewer("GET", f"/profiles/{name}").status_code == 200
    assert viewer("DELETE", f"/profiles/{name}").status_code == 403
