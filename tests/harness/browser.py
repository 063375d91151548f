"""Somebody at a real browser: headless Chromium with its mouse, its keyboard and its complaints."""

import shutil
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    StaleElementReferenceException,
)
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
WAIT_S = 30
DESKTOP, PHONE = (1366, 768), (390, 844)
STILL = """
    return !document.getAnimations().some(a => a.playState === 'running' && a.effect?.target?.contains(arguments[0]))"""
"""Whether nothing moves an element: a click on a button of a dialog that still grows falls beside it, unnoticed."""


def require_chromium():
    if CHROMIUM is None or DRIVER is None:
        pytest.skip(
            "chromium and chromium-driver are not installed (the README's test command installs them)"
        )


class Person:
    """Somebody at a browser of his own."""

    def __init__(self):
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.browser = webdriver.Chrome(options=options, service=Service(DRIVER))

    def begin(self, width, height):
        """Know nothing of any page, at a window of that size."""
        self.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        self.browser.set_window_size(width, height)
        self.browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.browser.execute_cdp_cmd("Network.clearBrowserCache", {})
        self.browser.get_log("performance")

    def resize(self, size):
        """See pages in exactly `size` (width, height) CSS pixels, also where that is narrower than a window may be."""
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def prefer(self, look):
        """`light` or `dark`, as the system's setting tells pages."""
        wish = {"name": "prefers-color-scheme", "value": look}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [wish]})

    def go(self, address):
        self.browser.get(address)

    def run(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def until(self, what, told="", seconds=WAIT_S):
        return WebDriverWait(self.browser, seconds, poll_frequency=0.02).until(lambda _: what(), told)

    def see(self, css):
        """The element, once it is there, visible, and stands still."""

        def seen():
            try:
                return next((e for e in self.all(css) if e.is_displayed() and self.run(STILL, e)), None)
            except StaleElementReferenceException:
                return None  # drawn anew meanwhile

        return self.until(seen, f"see {css}")

    def all(self, css):
        return self.browser.find_elements(By.CSS_SELECTOR, css)

    def button(self, text):
        script = "return [...document.querySelectorAll('button')].find(b => b.innerText.trim().endsWith(arguments[0]))"
        return self.until(lambda: self.run(script, text), f"button {text}")

    def click(self, text):
        """On a button, as soon as it takes it: one of a dialog that is just opening does not yet."""

        def clicked():
            try:
                button = self.button(text)
                if not self.run(STILL, button):
                    return False
                button.click()
            except (
                ElementNotInteractableException,
                ElementClickInterceptedException,
                StaleElementReferenceException,
            ):
                return False
            return True

        self.until(clicked, f"click {text}")

    def text(self, css):
        return self.run("return document.querySelector(arguments[0])?.innerText ?? ''", css)

    def press(self, *keys):
        ActionChains(self.browser).send_keys(*keys).perform()

    def screenshot(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.browser.save_screenshot(str(path))

    def problems(self):
        """What went wrong in the page; not that the server has ended meanwhile."""
        log = self.browser.get_log("browser")
        return [entry for entry in log if entry["level"] == "SEVERE" and entry["source"] != "network"]
