"""The profile `observe` of compose: Prometheus finds the backend and its password, Grafana finds the dashboard."""

import json
from typing import Any

import yaml

from tests.docker.files import FOLDER, documents

COMPOSE = documents("compose.yaml")[0]
PROMETHEUS, GRAFANA = (COMPOSE["services"][name] for name in ("prometheus", "grafana"))
JOB = documents("prometheus.yml")[0]["scrape_configs"][0]


def mounted(service: dict[str, Any]) -> dict[str, str]:
    """Where a service has what: the path inside of each volume or file, and what it is outside."""
    pairs = (volume.split(":")[:2] for volume in service["volumes"])
    return {inside: outside for outside, inside in pairs}


def provisioned(target: str) -> Any:
    """What a file that compose writes for Grafana says."""
    [source] = [each["source"] for each in GRAFANA["configs"] if each["target"].startswith(target)]
    return yaml.safe_load(COMPOSE["configs"][source]["content"])


def test_prometheus_asks_the_backend_with_its_name_and_password() -> None:
    [target] = JOB["static_configs"][0]["targets"]
    name, _, port = target.partition(":")
    backend = COMPOSE["services"]["anyword"]
    assert name in backend["networks"]["default"]["aliases"]
    assert backend["ports"][0].endswith(f":{port}")
    given = {path: COMPOSE["secrets"][path.rpartition("/")[2]]["environment"] for path in JOB["basic_auth"].values()}
    assert list(given.values()) == ["ANYWORD_BASIC_AUTH_USER", "ANYWORD_BASIC_AUTH_PASSWORD"]
    assert {path.rpartition("/")[2] for path in given} == set(PROMETHEUS["secrets"])
    assert all(path.startswith("/run/secrets/") for path in given)
    assert mounted(PROMETHEUS)["/etc/prometheus/prometheus.yml"] == "./prometheus.yml"


def test_grafana_shows_the_dashboard_from_prometheus() -> None:
    [source] = provisioned("/etc/grafana/provisioning/datasources/")["datasources"]
    assert (source["type"], source["isDefault"], source["url"]) == ("prometheus", True, "http://prometheus:9090")
    [provider] = provisioned("/etc/grafana/provisioning/dashboards/")["providers"]
    assert mounted(GRAFANA)[f"{provider['options']['path']}/anyword.json"] == "./grafana.json"
    wanted = {
        each["type"]: each["query"] for each in json.loads((FOLDER / "grafana.json").read_text())["templating"]["list"]
    }
    assert wanted["datasource"] == "prometheus"


def test_what_watches_is_published_on_this_machine_only_and_starts_when_it_is_chosen() -> None:
    assert PROMETHEUS["profiles"] == GRAFANA["profiles"] == ["observe"]
    assert "ports" not in PROMETHEUS
    assert GRAFANA["ports"] == ["127.0.0.1:3000:3000"]
