"""The walk through docs/backfill.md, click by click: an outage is seen, made up for in one run, approved and closed.

Its pictures are that page's.
"""

import re
from collections.abc import Sequence

import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.browser import Browser
from tests.browser.conftest import Demo

pytestmark = pytest.mark.timeout(900)

A_RUN = 240.0
"""Seconds in which the daemon has started a run and the run has ended."""
RUN = re.compile(r"/runs/[0-9a-f-]{36}")


def test_an_outage_is_seen_made_up_for_in_one_run_approved_and_closed(browser: Browser, demo: Demo):
    missing = demo.command("morning")["missing_nights"]
    assert len(missing) == 4

    browser.open("/assets/nordlys/morning", "a night did not run")
    browser.picture("outage-1-morning", 1260)
    browser.open("/assets/nordlys/morning?view=checks&checkDetail=no_night_is_missing", "nights were not run")
    browser.picture("outage-2-check", 780)

    make_up_for(browser, missing)

    plan = demo.command("plan")
    digest = plan["hash"][:12]
    browser.open("/assets/nordlys/plan?view=checks&checkDetail=plan_may_be_sent", f"Plan {digest} waits for a person")
    browser.picture("outage-6-plan-waits", 820)

    approve(browser, "transfer", missing[-1], digest, picture="outage-7-launchpad")
    approve(browser, "payment_posting", missing[-1], digest)

    told = demo.command("morning")
    assert told["missing_nights"] == []
    assert told["waiting"] is None
    assert told["verdict"] in ("good", "person")
    browser.open("/assets/nordlys/morning", "the account is explained to the øre")
    browser.picture("morning", 1500)


def make_up_for(browser: Browser, missing: Sequence[str]) -> None:
    """Choose the missing nights on the job's page, launch them as one run and wait until the backfill has ended."""
    browser.open("/locations/cloudcollect_pipeline/jobs/nightly/partitions", "Missing partitions")
    browser.see(missing[-1])
    browser.picture("outage-3-partitions", 520)
    browser.click("Materialize…")
    browser.click("Missing")
    browser.see(f"{len(missing)} partitions")
    browser.picture("outage-4-nights")
    browser.click("Launch backfill")
    browser.see("Created backfill")
    browser.click("View")
    browser.see("Partitions targeted")
    browser.driver.get(f"{browser.driver.current_url}?tab=runs")
    browser.see("Succeeded", A_RUN)
    links = browser.driver.find_elements(By.XPATH, "//a[contains(@href, '/runs/')]")
    runs = {href for link in links if RUN.search(href := link.get_attribute("href") or "")}
    assert len(runs) == 1, browser.text()
    browser.picture("outage-5-one-run", 520)


def approve(browser: Browser, job: str, night: str, digest: str, picture: str = "") -> None:
    """Launch a job with the plan's hash in its Launchpad, and wait until its run has ended."""
    browser.open(f"/locations/cloudcollect_pipeline/jobs/{job}", "Materialize all…")
    browser.press("//button[contains(., 'Materialize all…')]/following::button[1]", "the arrow")
    browser.click("Open launchpad")
    browser.press("//input[@placeholder='Partition']", "the partition's field")
    ActionChains(browser.driver).send_keys(night, Keys.ENTER).perform()
    browser.see(f"partition: {night}")  # the configuration was loaded anew
    line = "//pre[contains(@class, 'CodeMirror-line')][contains(., 'plan_hash')]"
    browser.press(f"{line}//span[contains(@class, 'cm-string')]", "the plan_hash")
    ActionChains(browser.driver).send_keys(Keys.END, Keys.ARROW_LEFT, digest).perform()
    browser.see(digest)
    if picture:
        browser.picture(picture)
    browser.click("Materialize")
    browser.see("RUN_SUCCESS", A_RUN)
