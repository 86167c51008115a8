"""What stands under deploy/ is checked by the rules it is read by: compose, systemd and nginx. Nothing is started."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cloudcollect_pipeline.cli.app import app
from tests.programs import program

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
OURS = sorted(SERVICES.keys() - {"proxy"})
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
EVERYWHERE = "0.0.0.0"  # noqa: S104 (what a container listens on, and a unit must not)
DATA = "/srv/cloudcollect/data"


def mounts(service: str) -> dict[str, tuple[str, bool]]:
    """Where -> (what, whether it is read-only)."""
    told = {}
    for volume in SERVICES[service].get("volumes", ()):
        volume, read_only = volume.removesuffix(":ro"), volume.endswith(":ro")
        what, _, where = volume.rpartition(":")
        told[where] = what, read_only
    return told


def test_the_services_are_those_that_the_issue_names() -> None:
    assert set(SERVICES) == {"proxy", "viewers", "operators", "daemon", "code", "reports"}


def test_viewers_can_change_nothing_and_only_the_proxy_is_reached_from_elsewhere() -> None:
    assert "--read-only" in SERVICES["viewers"]["command"]
    assert "--read-only" not in SERVICES["operators"]["command"]
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"proxy": ["443:8443"], "operators": ["127.0.0.1:3001:3001"]}
    internal = {name for name, network in COMPOSE["networks"].items() if network.get("internal")}
    alone = {name for name, service in SERVICES.items() if internal.issuperset(service["networks"])}
    assert alone == {"viewers", "daemon", "reports"}  # no way out


def test_only_dagsters_own_services_share_a_network_with_the_code_server_and_the_proxy_only_what_it_shows() -> None:
    def beside(service: str) -> set[str]:
        own = set(SERVICES[service]["networks"])
        return {name for name, other in SERVICES.items() if own & set(other["networks"])} - {service}

    assert beside("code") == {"daemon", "viewers", "operators"}  # anybody may start anything there
    assert beside("proxy") == {"viewers", "reports"}
    assert beside("reports") == {"viewers", "proxy"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_is_without_privileges_on_a_read_only_root(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"] == "${CLOUDCOLLECT_UID:-10001}:${CLOUDCOLLECT_GID:-10001}"
    assert not {"privileged", "network_mode", "pid"} & service.keys()


def test_only_the_code_server_sees_secrets_settings_and_the_folders_of_companies() -> None:
    assert mounts("code")[DATA] == ("${CLOUDCOLLECT_DATA:-../data}", False)
    assert SERVICES["code"]["secrets"] == ["erp_client_secret", "agency_api_key"]
    for name in ("daemon", "viewers", "operators"):
        assert set(mounts(name)) == {f"{DATA}/dagster"}, name
        assert "secrets" not in SERVICES[name]
    assert mounts("reports") == {DATA: ("${CLOUDCOLLECT_DATA:-../data}", True)}


def test_no_secret_stands_in_a_file_of_this_folder() -> None:
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", ())}
    assert used == set(COMPOSE["secrets"])
    for path in (path for path in DEPLOY.rglob("*") if path.is_file()):
        assert not re.search(r"(?i)(password|secret|api_key|token)\s*[:=]\s*[\"']?\w{8,}", path.read_text()), path


def test_compose_itself_reads_the_file(tmp_path: Path) -> None:
    compose = program("docker-compose")
    version = subprocess.run([compose, "version", "--short"], capture_output=True, text=True, check=True).stdout
    text = (DEPLOY / "compose.yaml").read_text()
    if version.startswith("1."):
        text = text.replace("\nname: cloudcollect\n", "\n")  # which the first version does not know
    (tmp_path / "compose.yaml").write_text(text)
    told = subprocess.run(
        [compose, "-f", tmp_path / "compose.yaml", "-p", "cloudcollect", "config", "-q"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert (told.returncode, told.stderr) == (0, "")


@pytest.mark.parametrize("name", OURS)
def test_compose_and_systemd_start_the_same_programs(name: str) -> None:
    unit = (DEPLOY / "systemd" / f"cloudcollect-{name}.service").read_text()
    (started,) = re.findall(r"^ExecStart=/opt/cloudcollect/bin/(.*)$", unit, re.MULTILINE)
    wanted = [word.replace(EVERYWHERE, "127.0.0.1") for word in SERVICES[name]["command"]]
    assert started.split() == wanted
    assert (Path(sys.executable).parent / wanted[0]).exists()


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_units_run_without_privileges_and_listen_on_loopback(unit: Path) -> None:
    text = unit.read_text()
    for line in ("User=cloudcollect", "UMask=0077", "NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes"):
        assert f"\n{line}\n" in text, line
    assert EVERYWHERE not in text


def test_systemd_itself_reads_the_units(tmp_path: Path) -> None:
    analyze = program("systemd-analyze")
    for path in (DEPLOY / "systemd").iterdir():
        text = path.read_text().replace("/opt/cloudcollect/bin", str(Path(sys.executable).parent))
        (tmp_path / path.name).write_text(text)
    told = subprocess.run([analyze, "verify", "--man=no", *sorted(tmp_path.iterdir())], capture_output=True, text=True)
    ours = [line for line in told.stderr.splitlines() if "cloudcollect" in line and "nginx" not in line]
    assert ours == []
    assert told.returncode == 0 or "nginx" in told.stderr, told.stderr


@pytest.mark.parametrize("kind", ["compose", "systemd"])
def test_nginx_itself_reads_the_proxys_configuration(tmp_path: Path, kind: str) -> None:
    nginx = program("nginx")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2",
            "-keyout", key, "-out", certificate,
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    (tmp_path / "viewers_htpasswd").write_text("")
    upstreams = (DEPLOY / "nginx" / f"upstreams.{kind}.conf").read_text()
    # Names of services are known to a compose network alone.
    (tmp_path / "upstreams.conf").write_text(re.sub(r"server \w+:", "server 127.0.0.1:", upstreams))
    text = (DEPLOY / "nginx" / "nginx.conf").read_text()
    for old, new in (
        ("/tmp/", f"{tmp_path}/"),
        ("/run/secrets/tls_certificate", certificate),
        ("/run/secrets/tls_key", key),
        ("/run/secrets/viewers_htpasswd", tmp_path / "viewers_htpasswd"),
    ):
        text = text.replace(old, str(new))
    (tmp_path / "nginx.conf").write_text(text)
    told = subprocess.run([nginx, "-t", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert "warn" not in told.stderr, told.stderr


def test_the_image_is_filled_from_the_lock_with_every_hash_and_runs_as_nobody() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert "pip install --no-deps --require-hashes --only-binary :all: -r requirements.lock" in text
    assert text.count("pip install") == 2
    assert "--no-index" in text
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["10001:10001"]
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE)
    for name in " ".join(copied).split():
        assert (ROOT / name).exists(), name


def test_every_command_of_ours_in_these_files_exists() -> None:
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert {SERVICES[name]["command"][1] for name in OURS if SERVICES[name]["command"][0] == "cloudcollect"} <= known
