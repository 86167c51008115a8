"""Dagster's pages of a company as a person sees them, whatever state its nights are in."""

from datetime import date

import httpx
import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from cloudcollect_pipeline.orchestration.assets import build_company_assets
from cloudcollect_pipeline.orchestration.checks import MORNING
from tests.browser.browser import Browser
from tests.browser.conftest import ROOT, Demo

pytestmark = pytest.mark.timeout(900)

GROUPS = ("systems", "landing", "ledger", "planning", "dispatch", "told", "morning")
"""From left to right."""


def test_the_graph_reads_from_the_systems_to_the_morning(browser: Browser):
    browser.size(2800, 1500)
    browser.open("/asset-groups", "reconciliation")
    browser.click("Hide navigation")
    browser.press("//input[@placeholder='Jump to…']/following::button[1]", "the arrow")
    browser.gone("Jump to…")
    ActionChains(browser.driver).key_down(Keys.ALT).send_keys("e").key_up(Keys.ALT).perform()  # every group opened
    browser.see("subledger_diff")
    left = [browser.see(group).rect["x"] for group in GROUPS]
    assert left == sorted(left)
    shown = browser.text()
    for asset in build_company_assets("nordlys", date(2026, 1, 1)):
        assert asset.key.path[-1] in shown
    browser.picture("asset-graph")


def test_the_cockpit_is_drawn_whole_and_its_reports_open(browser: Browser, demo: Demo):
    browser.open("/assets/nordlys/morning", "verdict")
    browser.see("general ledger")
    assert "[Show Markdown]" not in browser.text()  # what is too long to be drawn hides behind this
    (trend,) = browser.driver.find_elements(By.CSS_SELECTOR, "img[src^='data:image/svg']")
    assert trend.get_attribute("naturalWidth") != "0"
    links = browser.driver.find_elements(By.PARTIAL_LINK_TEXT, "reconciliation-")
    reports = [link.get_attribute("href") or "" for link in links]
    assert {report.rpartition(".")[2] for report in reports} == {"html", "xlsx"}
    for report in reports:
        assert httpx.get(report).status_code == 200
    browser.driver.get(next(report for report in reports if report.endswith(".html")))
    browser.see(demo.command("morning")["name"])


def test_the_cockpits_checks_read_as_sentences(browser: Browser):
    browser.open("/assets/nordlys/morning?view=checks&checkDetail=every_send_has_a_receipt", "Latest execution")
    named = {shown.get_attribute("title") for shown in browser.driver.find_elements(By.XPATH, "//*[@title]")}
    assert named >= set(MORNING)
    browser.see("Everything confirmed has a receipt.")


def test_the_plans_check_says_what_would_be_sent(browser: Browser, demo: Demo):
    plan = demo.command("plan")
    browser.open("/assets/nordlys/plan?view=checks&checkDetail=plan_may_be_sent", "Latest execution")
    browser.see(f"Plan {plan['hash'][:12]}")
    assert browser.see("count").tag_name == "th"  # a table that is drawn, not its source


@pytest.mark.parametrize(
    ("device", "width", "height", "language"), [("phone", 390, 844, "nb"), ("desktop", 1280, 900, "en")]
)
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
    reader.picture(f"report-{device}")
