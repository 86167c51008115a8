"""Dagster's pages of a company as a person sees them, whatever state its nights are in."""

import pytest
from selenium.webdriver.common.by import By

from cloudcollect_pipeline.orchestration.assets import build_company_assets
from tests.browser.browser import Browser
from tests.browser.conftest import ROOT, Demo

pytestmark = pytest.mark.timeout(900)

GROUPS = ("systems", "landing", "ledger", "planning", "dispatch", "reconciliation", "morning")
"""From left to right."""
GRAPH = "/asset-groups?expanded=" + ",".join(f"global@global:{group}" for group in GROUPS)


def test_the_graph_reads_from_the_systems_to_the_morning(browser: Browser):
    browser.size(2400, 1180)
    browser.open(GRAPH, "subledger_diff")
    for wide in ("Hide navigation", "//input[@placeholder='Jump to…']/following::button[1]"):
        browser.visible(wide, wide).click() if wide.startswith("/") else browser.click(wide)
    browser.open(GRAPH, "subledger_diff")  # both are remembered, and the graph takes the room
    left = [browser.see(group).location["x"] for group in GROUPS]
    assert left == sorted(left)
    shown = browser.text()
    for asset in build_company_assets("nordlys"):
        assert asset.key.path[-1] in shown
    browser.picture("asset-graph")


def test_the_plans_check_says_what_would_be_sent(browser: Browser, demo: Demo):
    plan = demo.command("plan")
    browser.open("/assets/nordlys/plan?view=checks&checkDetail=plan_may_be_sent", "Latest execution")
    browser.see(f"Plan {plan['hash'][:12]}")
    assert browser.see("count").tag_name == "th"  # a table that is drawn, not its source
    browser.picture("check-page")


@pytest.mark.parametrize("language", ["en", "nb"])
@pytest.mark.parametrize(("device", "width", "height"), [("phone", 390, 844), ("desktop", 1280, 900)])
def test_a_report_fits_a_screen_and_opens_on_its_verdict(
    reader: Browser, device: str, width: int, height: int, language: str
):
    page = ROOT / "docs" / "reports" / f"reconciliation-2026-02-11.{language}.html"
    reader.size(width, height)
    reader.driver.get(page.as_uri())
    scrolled, seen = reader.driver.execute_script(
        "const page = document.documentElement; return [page.scrollWidth, page.clientWidth]"
    )
    assert scrolled <= seen == width
    verdict = reader.driver.find_element(By.CSS_SELECTOR, "[role=status]")
    assert verdict.is_displayed()
    assert verdict.rect["y"] + verdict.rect["height"] < height / 2
    reader.picture(f"report-{device}-{language}")
