"""The demo as `cloudcollect up` opens it after an outage, and a browser on it: one start for the whole session.

Chromium and its driver come from the system. Without them these tests are skipped, or fail where
CLOUDCOLLECT_REQUIRE_BROWSER=1. Pictures go to a temporary folder, or to the one CLOUDCOLLECT_PICTURES names.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import msgspec
import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from cloudcollect_pipeline.cli.up import free_port
from tests.browser.browser import Browser

ROOT = Path(__file__).parents[2]
CLOUDCOLLECT = str(Path(sys.executable).with_name("cloudcollect"))
OPENS_WITHIN = 300.0
"""Seconds that the demo's nights and Dagster's start may take on a busy machine."""


@dataclass(frozen=True)
class Demo:
    """A running `cloudcollect up --outage`: its folder, and the address of Dagster's pages."""

    home: Path
    url: str

    def command(self, *words: str) -> Any:
        """What a reading command says of the demo, as JSON."""
        return msgspec.json.decode(self._run(*words, "--json"))

    def _run(self, *words: str) -> bytes:
        settings = {"CLOUDCOLLECT_CONFIG": str(self.home / "data" / "demo" / "cloudcollect.toml")}
        done = subprocess.run(
            [CLOUDCOLLECT, *words], cwd=self.home, env={**os.environ, **settings}, capture_output=True, timeout=100
        )
        assert done.returncode in (0, 3), done.stderr.decode()
        return done.stdout


@pytest.fixture(scope="session")
def programs() -> tuple[str, str]:
    """Chromium and its driver; skipped where they are absent, unless CLOUDCOLLECT_REQUIRE_BROWSER=1."""
    found = shutil.which("chromium"), shutil.which("chromedriver")
    if found[0] and found[1]:
        return found[0], found[1]
    if os.environ.get("CLOUDCOLLECT_REQUIRE_BROWSER") == "1":
        pytest.fail("a browser is required but chromium or chromedriver is not on the path")
    pytest.skip("Chromium is not here (on Debian: apt install chromium chromium-driver)")


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of the pages go."""
    named = os.environ.get("CLOUDCOLLECT_PICTURES")
    return Path(named) if named else tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="session")
def demo(programs: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo after an outage, with Dagster's pages open. Ended as a person ends it: with Ctrl-C."""
    home = tmp_path_factory.mktemp("home")
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(ROOT / name, home)
    port = free_port()
    command = [CLOUDCOLLECT, "up", "--outage", "--port", str(port)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CLOUDCOLLECT_")}
    with (home / "up.log").open("wb") as log:
        up = subprocess.Popen(
            command, cwd=home, env=environ, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        made = Demo(home, f"http://127.0.0.1:{port}")
        _wait_for(made, up)
        yield made
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(60)


def _wait_for(demo: Demo, up: "subprocess.Popen[bytes]") -> None:
    """Until Dagster's pages answer; fails with what was said if the command ends before."""
    until = monotonic() + OPENS_WITHIN
    while True:
        try:
            httpx.get(f"{demo.url}/server_info", timeout=10).raise_for_status()
            return
        except httpx.HTTPError:
            try:
                up.wait(0.5)
            except subprocess.TimeoutExpired:
                if monotonic() < until:
                    continue
            pytest.fail(f"`cloudcollect up` did not open:\n{(demo.home / 'up.log').read_text()}")


@pytest.fixture(scope="session")
def driver(programs: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Chromium without a window, in Norway's time and with 24 hours a day."""
    chromium, chromedriver = programs
    options = ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new",
        "--no-sandbox",  # it would not start for root without
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        "--force-color-profile=srgb",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(argument)
    service = ChromeService(chromedriver, env={**os.environ, "TZ": "Europe/Oslo", "LANGUAGE": "en_GB"})
    driver = Chrome(options, service)
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture
def browser(demo: Demo, driver: Chrome, pictures: Path) -> Browser:
    """A desktop's window on Dagster's pages."""
    made = Browser(driver, demo.url, pictures)
    made.size(1440, 900)
    return made


@pytest.fixture
def reader(driver: Chrome, pictures: Path) -> Browser:
    """A window that needs no server."""
    return Browser(driver, "", pictures)
