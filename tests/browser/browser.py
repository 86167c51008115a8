"""A person at Dagster's pages: what they see, click and fill in. Every wait is for something to be seen or gone."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from selenium.common.exceptions import (
    ElementClickInterceptedException,
    StaleElementReferenceException,
    TimeoutException,
)
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

Seen = TypeVar("Seen")

PATIENCE = 60.0
"""Seconds within which a page shows what it is asked for, on a busy machine."""
STILL = """
const turning = document.querySelectorAll('[class*=Spinner_spinner]:not([class*=Spinner_stopped]), [class*=Skeleton_]')
const loads = [...turning].some(one => one.checkVisibility({opacityProperty: true, visibilityProperty: true}))
return loads || document.fonts.status != 'loaded' ? '' : document.body.innerText
"""
"""What the page says, or nothing while it loads."""
CLICKABLE = "self::button or self::a or @role='tab' or @role='menuitem' or @role='button' or @role='option'"


def quoted(text: str) -> str:
    """Text as an XPath literal."""
    return "concat('', " + ', "\'", '.join(f"'{part}'" for part in text.split("'")) + ")"


class Browser:
    """One window on one address. Pictures of what is seen go to a folder."""

    def __init__(self, driver: Chrome, address: str, pictures: Path) -> None:
        self.driver, self.address, self.pictures = driver, address, pictures

    def until(self, look: Callable[[], Seen | None], what: str, patience: float = PATIENCE) -> Seen:
        """Look until there is something to see; fails with the page's text."""
        ignored = (StaleElementReferenceException, ElementClickInterceptedException)  # it is being drawn anew
        waiting = WebDriverWait(self.driver, patience, poll_frequency=1.0, ignored_exceptions=ignored)
        try:
            return waiting.until(lambda _: look() or False)
        except TimeoutException as error:
            error.add_note(f"{self.driver.current_url} did not show {what}, but:\n{self.text()}")
            raise

    def size(self, width: int, height: int) -> None:
        """How large the page is shown, in CSS pixels."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )

    def open(self, path: str, see: str) -> None:
        """Go to a page of the address and wait until it shows a text."""
        self.driver.get(self.address + path)
        self.see(see)

    def text(self) -> str:
        """All that the page says."""
        return self.driver.find_element(By.TAG_NAME, "body").text

    def see(self, text: str, patience: float = PATIENCE) -> WebElement:
        """The innermost element that holds the text, once it is visible."""
        holds = f"contains(normalize-space(.), {quoted(text)})"
        return self.visible(f"//body//*[{holds} and not(*[{holds}])]", text, patience)

    def gone(self, text: str) -> None:
        """Wait until the page does not say this any more."""
        self.until(lambda: text not in self.text(), f"the end of {text!r}")

    def click(self, name: str) -> None:
        """Click what is called so, once it can be."""
        self.press(f"//*[({CLICKABLE}) and normalize-space(.)={quoted(name)}]", name)

    def press(self, path: str, what: str) -> None:
        """Click the first element of an XPath that is visible and not disabled."""

        def pressed() -> bool:
            for found in self.driver.find_elements(By.XPATH, path):
                if found.is_displayed() and found.is_enabled():
                    found.click()
                    return True
            return False

        self.until(pressed, f"{what!r} to click")

    def visible(self, path: str, what: str, patience: float = PATIENCE) -> WebElement:
        """The first element of an XPath that is visible."""

        def look() -> WebElement | None:
            return next((found for found in self.driver.find_elements(By.XPATH, path) if found.is_displayed()), None)

        return self.until(look, repr(what), patience)

    def picture(self, name: str, height: int = 0) -> None:
        """Keep what is seen as a PNG, once nothing loads and the text stands still; of another height if asked for."""
        width, usual = self.driver.execute_script("return [innerWidth, innerHeight]")
        self.size(width, height or usual)
        said: list[str] = []

        def still() -> bool:
            said.append(self.driver.execute_script(STILL))
            return len(said) > 1 and said[-1] == said[-2] != ""

        self.until(still, "a page that stands still")
        self.driver.save_screenshot(str(self.pictures / f"{name}.png"))
        self.size(width, usual)
