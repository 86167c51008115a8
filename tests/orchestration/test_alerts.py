"""Who is told, and of what: over a real webhook receiver and a real (small) mail server on loopback."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dagster as dg
import pytest

from cloudcollect_pipeline.orchestration import alerts, sensors
from cloudcollect_pipeline.settings import AlertSettings, EmailSettings
from tests.orchestration.conftest import QUIET

SETTINGS = """
[companies.nordlys]
name = "Nordlys AS"
go_live = "2026-01-01"
[companies.nordlys.erp]
base_url = "http://127.0.0.1:9"
token_url = "http://127.0.0.1:9/token"
tenant_id = "t"
client_id = "c"
client_secret = "s"
suspense_cash_account = "1510"
suspense_account = "1510"
payment_method = "4"
[companies.nordlys.agency]
id = "inkasso"
base_url = "http://127.0.0.1:9"
api_key = "k"
[companies.nordlys.accounts]
payout_clearing = "1515"
interest_income = "8050"
fee_income = "3900"
commission_cost = "7790"
expense_cost = "7798"
input_vat = "2710"
rounding = "7770"
"""


@contextmanager
def webhook() -> Iterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    """A receiver's address, and what it was told: (path with query, body)."""
    told: list[tuple[str, dict[str, Any]]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.append((self.path, json.loads(body)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Receiver)) as port:
        yield f"http://127.0.0.1:{port}/hook?sig=a%2Fb", told


@contextmanager
def mail_server() -> Iterator[tuple[int, list[str]]]:
    """A port, and the messages delivered to it."""
    delivered: list[str] = []

    class Server(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                verb = line[:4].upper()
                if verb == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = iter(self.rfile.readline, b".\r\n")
                    delivered.append(b"".join(lines).decode())
                self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                if verb == b"QUIT":
                    return

    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Server)) as port:
        yield port, delivered


@contextmanager
def serving(server: Any) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_both_receivers_are_told():
    with webhook() as (url, told), mail_server() as (port, delivered):
        email = EmailSettings(
            host="127.0.0.1", port=port, encryption="none", sender="night@example.no", recipients=("a@b.no", "c@d.no")
        )
        said = alerts.send(
            AlertSettings.model_validate({"webhook_url": url, "email": email}), "nightly failed", "It failed in x."
        )
    assert told == [
        (
            "/hook?sig=a%2Fb",
            {
                "text": "nightly failed\nIt failed in x.",
                "subject": "nightly failed",
                "details": "It failed in x.",
            },
        )
    ]
    assert "Subject: nightly failed" in delivered[0]
    assert "It failed in x." in delivered[0]
    assert said == "the webhook was told; 2 told by e-mail"


def test_a_receiver_that_is_gone_is_said_without_its_address_and_keeps_nobody_else_from_being_told():
    with mail_server() as (port, delivered):
        email = EmailSettings(host="127.0.0.1", port=port, encryption="none", sender="n@e.no", recipients=("a@b.no",))
        gone = AlertSettings.model_validate({"webhook_url": "http://127.0.0.1:9/secret-path", "email": email})
        said = alerts.send(gone, "s", "t")
    assert "could not be told" in said
    assert "secret-path" not in said
    assert len(delivered) == 1


@pytest.fixture
def instance(tmp_path) -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as made:
        yield made


def run_of(instance: dg.DagsterInstance, *, fails: bool, passed: bool = True) -> Any:
    """A run of a small job that stands in for a night."""

    @dg.asset(check_specs=[dg.AssetCheckSpec("plan_may_be_sent", asset="plan")])
    def plan() -> dg.MaterializeResult:
        if fails:
            raise RuntimeError("Kanarifugl Særnavn")
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=passed, check_name="plan_may_be_sent")])

    definitions = dg.Definitions(assets=[plan], jobs=[dg.define_asset_job("nightly", [plan])])
    return definitions.resolve_job_def("nightly").execute_in_process(
        instance=instance, run_config=QUIET, tags={"dagster/partition": "2026-01-06"}, raise_on_error=False
    )


def configure(tmp_path, monkeypatch, url: str | None) -> None:
    file = tmp_path / "cloudcollect.toml"
    file.touch(mode=0o600)
    file.write_text((f'[alerts]\nwebhook_url = "{url}"\n' if url else "") + SETTINGS)
    monkeypatch.setenv("CLOUDCOLLECT_CONFIG", str(file))


def context_of(instance: dg.DagsterInstance, sensor: dg.SensorDefinition, result: Any) -> Any:
    event = result.get_run_success_event() if result.success else result.get_run_failure_event()
    return dg.build_run_status_sensor_context(sensor.name, event, instance, result.dagster_run)


def test_a_failed_run_is_told_by_job_night_and_step_only(instance, tmp_path, monkeypatch):
    with webhook() as (url, told):
        configure(tmp_path, monkeypatch, url)
        result = run_of(instance, fails=True)
        context = context_of(instance, sensors.alert_when_a_run_fails, result).for_run_failure()
        sensors.alert_when_a_run_fails(context)
    ((_, message),) = told
    assert message["subject"].startswith("nightly of 2026-01-06 (run ")
    assert "It failed in plan." in message["details"]
    assert "Kanarifugl" not in json.dumps(message, ensure_ascii=False)


@pytest.mark.parametrize(("passed", "expected"), [(True, 0), (False, 1)])
def test_a_green_run_with_a_failed_check_is_told(instance, tmp_path, monkeypatch, passed, expected):
    with webhook() as (url, told):
        configure(tmp_path, monkeypatch, url)
        result = run_of(instance, fails=False, passed=passed)
        assert result.success
        sensors.alert_when_a_check_fails(context_of(instance, sensors.alert_when_a_check_fails, result))
    assert len(told) == expected
    for _, message in told:
        assert "plan: plan may be sent" in message["details"]


def test_nobody_is_told_until_alerts_are_configured(instance, tmp_path, monkeypatch):
    configure(tmp_path, monkeypatch, None)
    result = run_of(instance, fails=True)
    context = context_of(instance, sensors.alert_when_a_run_fails, result).for_run_failure()
    assert "No alerts are configured" in str(sensors.alert_when_a_run_fails(context))
