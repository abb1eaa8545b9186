"""What Prometheus scrapes."""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.api.conftest import Caller, Client


def scraped(client: Client) -> dict[tuple[str, tuple[str, ...]], float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_the_queue_is_told_as_the_dashboard_tells_it(
    anonymous: Client, api: Caller, parts: dict[str, Any]
) -> None:
    api.data("POST", "/compare", json=parts)
    figures, values = api.data("GET", "/dashboard/metrics"), scraped(anonymous)
    assert values["concord_database_up", ()] == 1
    assert values["concord_queue_depth", ()] == figures["queue_depth"]
    assert values["concord_queue_oldest_wait_seconds", ()] > 0
    for status, count in figures["by_status"].items():
        assert values["concord_jobs", (status.lower(),)] == count


def test_calls_to_the_database_are_counted_and_timed(anonymous: Client, api: Caller) -> None:
    before = scraped(anonymous)["concord_database_call_seconds_count", ("good",)]
    api.data("GET", "/jobs?limit=1")
    after = scraped(anonymous)["concord_database_call_seconds_count", ("good",)]
    assert after >= before + 2  # who calls, and the list


def test_no_label_holds_an_id_a_user_or_a_path(anonymous: Client, api: Caller, parts: dict[str, Any]) -> None:
    job_id = api.data("POST", "/compare", json=parts)["job_id"]
    api.data("GET", f"/jobs/{job_id}")
    anonymous.get(f"/no/such/{job_id}")
    text = anonymous.get("/metrics").text
    assert job_id not in text
    assert "test-operator" not in text
    assert 'route="/api/v1/jobs/{job_id}"' in text
