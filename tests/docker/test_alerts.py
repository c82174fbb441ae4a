"""The alerts: promtool's unit tests, and that the server has the series that they ask for."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from backend.observability.metrics import Metrics
from tests.docker.files import FOLDER, ROOT, documents

PROMTOOL = shutil.which("promtool")
RULES = [rule for group in documents("alerts.yaml")[0]["groups"] for rule in group["rules"]]
TESTS = Path(__file__).with_name("alerts.test.yaml")
COMPOSE = documents("compose.yaml")[0]


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed: apt-get install prometheus")
@pytest.mark.parametrize("command", [["check", "rules", str(FOLDER / "alerts.yaml")], ["test", "rules", str(TESTS)]])
def test_promtool_agrees(command: list[str]) -> None:
    done = subprocess.run([str(PROMTOOL), *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested_and_says_what_to_do() -> None:
    told = yaml.safe_load(TESTS.read_text(encoding="utf-8"))
    fired = {test["alertname"] for group in told["tests"] for test in group["alert_rule_test"] if test["exp_alerts"]}
    assert fired == {rule["alert"] for rule in RULES}
    assert all(rule["annotations"]["action"] for rule in RULES)


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("anyword_events_total", {"action": "ANNOTATION_CREATED", "outcome": "lost"}),
        ("anyword_errors_total", {"kind": "Unexpected"}),
        ("anyword_errors_total", {"kind": "Busy"}),
        ("anyword_offers_total", {"outcome": "dropped"}),
        ("anyword_learning_runs_total", {"outcome": "failed"}),
        ("anyword_lane_stalls_total", {}),
        ("anyword_request_seconds_count", {"route": "/webhook/<path:secret>"}),
    ],
)
def test_a_counter_begins_at_zero(name: str, labels: dict[str, str]) -> None:
    """Else its first case is a series that begins at 1, in which Prometheus sees no increase."""
    assert Metrics(lambda: 0).registry.get_sample_value(name, labels) == 0


def test_every_answer_that_is_described_is_counted_from_zero() -> None:
    described = json.loads((ROOT / "backend" / "server" / "openapi.json").read_text(encoding="utf-8"))["paths"]
    count = Metrics(lambda: 0).registry.get_sample_value
    for path in ("/predict", "/setup", "/webhook", "/webhook/{secret}"):
        route = path.replace("{secret}", "<path:secret>")  # the default in compose
        for status in described[path]["post"]["responses"]:
            assert count("anyword_requests_total", {"route": route, "status": status}) == 0, (route, status)


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed: apt-get install prometheus")
def test_prometheus_reads_its_configuration(tmp_path: Path) -> None:
    """All but `username_file`: it is newer than Debian's promtool."""
    told = (FOLDER / "prometheus.yml").read_text(encoding="utf-8").replace("username_file", "username")
    (tmp_path / "prometheus.yml").write_text(told, encoding="utf-8")
    command = [str(PROMTOOL), "check", "config", "--syntax-only", str(tmp_path / "prometheus.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_alerts_are_mounted_and_every_service_has_a_limit() -> None:
    assert documents("prometheus.yml")[0]["rule_files"] == ["/etc/prometheus/alerts.yaml"]
    assert "./alerts.yaml:/etc/prometheus/alerts.yaml:ro" in COMPOSE["services"]["prometheus"]["volumes"]
    lasting = {name: service for name, service in COMPOSE["services"].items() if name != "weights"}
    assert [name for name, service in lasting.items() if "mem_limit" not in service] == []
    assert "/health" in COMPOSE["services"]["label-studio"]["healthcheck"]["test"][-1]
