"""The container files agree with the code, with each other and with what the repository pins; none is built here."""

import json
import re
import subprocess
import sys
import threading
import tomllib
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from backend.__main__ import main
from backend.server.child_process import free_port
from backend.server.gunicorn import FINISHING, FLUSHING
from backend.settings import Settings, read
from docker import fetch_weights
from model.errors import Misconfigured
from tests.docker.files import FOLDER, ROOT, documents, environment, example, instructions

DOCKERFILE = FOLDER / "Dockerfile"
BUILT = instructions(DOCKERFILE)
COMPOSE = documents("compose.yaml")[0]
CLAIM, SERVICE, DEPLOYMENT = documents("kubernetes.yaml")
POD = DEPLOYMENT["spec"]["template"]["spec"]
CONTAINER = POD["containers"][0]
BACKENDS = ("anyword", "anyword-gpu")
PORT = str(Settings().port)


def of(word: str) -> list[str]:
    return [rest for name, rest in BUILT if name == word]


def pins(name: str) -> set[str]:
    return set(re.findall(r"^[\w.-]+==\S+", (ROOT / name).read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml", "kubernetes.yaml", "env.example", "README.md"])
def test_every_variable_with_our_prefix_is_a_setting(name: str) -> None:
    known = {f"ANYWORD_{field.upper()}" for field in Settings.__dataclass_fields__}
    assert set(re.findall(r"\bANYWORD_[A-Z_]+", (FOLDER / name).read_text())) <= known


def test_the_image_is_served_on_every_address_with_its_database_in_a_volume() -> None:
    settings = read(environment(DOCKERFILE))
    assert (settings.host, settings.database) == ("0.0.0.0", "sqlite:////data/anyword.db")


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_server_takes_what_compose_gives_it(backend: str) -> None:
    given = COMPOSE["services"][backend]["environment"]
    filled = {name: re.sub(r"\$\{[^}]+\}", "abc123", value) for name, value in given.items()}
    assert read(environment(DOCKERFILE) | filled).database == "postgresql://anyword:abc123@postgres/anyword"


def test_the_server_takes_what_kubernetes_gives_it() -> None:
    given = {entry["name"]: entry.get("value", "abc123") for entry in CONTAINER["env"]}
    assert read(given).label_studio_url.startswith("http://label-studio.")


def test_kubernetes_adds_no_variables_that_the_server_would_refuse() -> None:
    assert POD["enableServiceLinks"] is False
    with pytest.raises(Misconfigured, match="ANYWORD_SERVICE_HOST is no setting"):
        read({"ANYWORD_SERVICE_HOST": "10.0.0.1"})


def test_secrets_come_from_the_example_file_and_none_has_a_default() -> None:
    text = (FOLDER / "compose.yaml").read_text()
    needed = set(re.findall(r"\$\{(\w+):\?", text))
    optional = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", text))
    assert needed | set(optional) | {"COMPOSE_PROFILES"} == set(example())
    assert {name: example()[name] for name in needed} == dict.fromkeys(needed, "")
    limits = {"BACKEND_MEMORY", "LABEL_STUDIO_MEMORY"}
    assert {name for name, value in optional.items() if value} == {"LABEL_STUDIO_HOST", "DOMAIN"} | limits
    assert {name for name in example() if re.search("PASSWORD|TOKEN", name)} <= needed | {"HF_TOKEN"}


def test_the_port_is_the_same_everywhere() -> None:
    assert of("EXPOSE") == [PORT]
    assert all(COMPOSE["services"][name]["ports"] == [f"127.0.0.1:{PORT}:{PORT}"] for name in BACKENDS)
    assert (str(SERVICE["spec"]["ports"][0]["port"]), str(CONTAINER["ports"][0]["containerPort"])) == (PORT, PORT)


def test_volumes_are_where_the_image_keeps_what_lasts() -> None:
    volumes = set(json.loads(of("VOLUME")[0]))
    mounts = {mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    assert volumes == {"/data", "/weights"}
    assert mounts == {*volumes, "/tmp"}
    for name in BACKENDS:
        service = COMPOSE["services"][name]
        assert {volume.split(":")[1] for volume in service["volumes"]} == volumes
        assert (service["read_only"], service["tmpfs"]) == (True, ["/tmp"])
    assert environment(DOCKERFILE)["HF_HOME"].startswith("/weights/")


def test_nobody_runs_as_root() -> None:
    user, group = of("USER")[-1].split(":")
    assert f"--uid {user} --gid {group}" in " ".join(of("RUN"))
    context = POD["securityContext"]
    assert (str(context["runAsUser"]), str(context["runAsGroup"]), context["runAsNonRoot"]) == (user, group, True)


def test_only_pinned_packages_are_installed_and_none_of_the_tools() -> None:
    installs = [command for run in of("RUN") for command in run.split("&&") if "pip install" in command]
    assert [re.findall(r"-r (\S+)", command) for command in installs] == [[], *[["requirements.txt"]] * 2]
    torch = next(pin for pin in pins("requirements.txt") if pin.startswith("torch=="))
    assert installs[0].split()[-1] == f"{torch}+cpu"
    assert "https://download.pytorch.org/whl/cpu" in installs[0]


def test_base_images_are_named_by_their_whole_version() -> None:
    stages = {rest.split()[-1] for rest in of("FROM")}
    bases = {rest.split()[0] for rest in of("FROM")} - stages
    services = COMPOSE["services"].values()
    images = {service["image"] for service in services if "build" not in service}
    whole = r"[\w./-]+:v?\d+\.\d+(\.\d+)?(-[\w-]+)?(@sha256:[0-9a-f]{64})?"  # the digest by pin.sh
    assert all(re.fullmatch(whole, image) for image in bases | images)
    assert {COMPOSE["services"][name]["build"]["target"] for name in BACKENDS} == {"cpu", "cuda"} <= stages


def test_what_is_copied_exists_and_is_let_into_the_context() -> None:
    rules = (FOLDER / "Dockerfile.dockerignore").read_text().split()
    copied = [rest.split()[0] for rest in of("COPY") if "--from" not in rest]
    assert rules[0] == "*"
    assert [name for name in copied if not (ROOT / name).exists() or f"!{name}" not in rules] == []
    assert not any(fnmatch("docker/.env", rule[1:]) for rule in rules if rule.startswith("!"))


def test_entry_points_are_commands_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert (json.loads(of("ENTRYPOINT")[0]), json.loads(of("CMD")[0])) == (["python", "-m", "backend"], ["serve"])
    with pytest.raises(SystemExit, match="0"):
        main(["serve", "--help"], {})
    assert COMPOSE["services"]["weights"]["entrypoint"] == ["python", "-m", fetch_weights.__name__]
    assert "ANYWORD_" in capsys.readouterr().out


def test_the_server_has_the_time_that_it_takes_to_stop() -> None:
    needed = FINISHING + FLUSHING
    assert POD["terminationGracePeriodSeconds"] > needed
    for name in BACKENDS:
        minutes = re.fullmatch(r"(\d+)m", COMPOSE["services"][name]["stop_grace_period"])
        assert minutes is not None
        assert 60 * int(minutes[1]) > needed


def test_probes_ask_routes_that_need_no_password() -> None:
    paths = {CONTAINER[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    described = json.loads((ROOT / "backend/server/openapi.json").read_text())["paths"]
    assert paths == {"/health", "/ready"} <= set(described)


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_health_check_says_what_health_says(status: int, healthy: bool) -> None:
    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Health) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            assert (_checked(server.server_port) == 0) is healthy
        finally:
            server.shutdown()
            thread.join()


def test_the_health_check_fails_where_nobody_listens() -> None:
    assert _checked(free_port()) != 0


def _checked(port: int) -> int:
    check = next(rest for word, rest in BUILT if word == "HEALTHCHECK")
    _python, *arguments = json.loads(check.partition("CMD ")[2])
    command = [sys.executable, *arguments]
    return subprocess.run(command, env={"ANYWORD_PORT": str(port)}, capture_output=True, check=False).returncode


def test_label_studio_is_the_tested_one_and_lets_a_private_backend_in() -> None:
    service = COMPOSE["services"]["label-studio"]
    assert {service["image"].partition("@")[0].rpartition("/")[2].replace(":", "==")} == pins(
        "tests/e2e/requirements.txt"
    )
    assert service["environment"]["USE_DEFAULT_BANNED_SUBNETS"] == "false"
    aliases = [COMPOSE["services"][name]["networks"]["default"]["aliases"] for name in BACKENDS]
    assert aliases == [["anyword.backend"]] * 2  # without a dot, Label Studio makes no webhook


def test_the_official_runner_is_the_revision_of_the_extra() -> None:
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["label-studio-ml"]
    assert extra[0] in (FOLDER / "label-studio-ml" / "requirements.txt").read_text().splitlines()
