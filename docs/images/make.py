"""Makes the pictures of the README from the demo, by the program's own commands: `python docs/images/make.py`.

It needs Chromium and its driver for the pictures of the pages, and PostgreSQL for that of the sites.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin

import av
import cv2
import yaml
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

from maskwatch.output import demo_clip

HERE = Path(__file__).parent
MASKWATCH = [sys.executable, "-m", "maskwatch"]
SHOWN_S = 5.8  # of the demo: one of the two has worn a mask for a while
SIZE = (1366, 768)
BEGIN = "const b = [...document.querySelectorAll('button')].find(b => b.innerText.trim().endsWith('Label')); b?.click()"
ALERTED = """
    const half = [...document.querySelectorAll('.mw-cam')].some(e => e.innerText.includes('1 of 2'));
    const pictures = document.querySelectorAll('canvas[data-number]').length;
    return half && pictures > 1 && document.querySelectorAll('.mw-alert').length > 2"""
LOADED = "const s = document.querySelector('.mw-stage svg'); return s && s.dataset.loaded === 'true'"


def write_frame(video: Path, at_s: float, path: Path) -> None:
    """The frame of a video that is shown `at_s` seconds after its start."""
    with av.open(str(video)) as container:
        frame = next(f for f in container.decode(video=0) if f.time is not None and f.time >= at_s)
        cv2.imwrite(str(path), frame.to_ndarray(format="bgr24"))


def write_page(command: list[str], path: Path, shows: Callable[[webdriver.Chrome], object]) -> None:
    """The page whose address a command prints, as Chromium shows it once `shows` says that it is there."""
    options = webdriver.ChromeOptions()
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--hide-scrollbars",
        f"--window-size={SIZE[0]},{SIZE[1]}",
    ):
        options.add_argument(argument)
    with subprocess.Popen([*MASKWATCH, *command], stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None
        address = re.search(r"http://\S+", served.stdout.readline())
        assert address is not None
        browser = webdriver.Chrome(options, Service("/usr/bin/chromedriver"))
        try:
            # without it a window's frame takes some of the height
            metrics = {"width": SIZE[0], "height": SIZE[1], "deviceScaleFactor": 1, "mobile": False}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            browser.get(address[0])
            WebDriverWait(browser, 120, poll_frequency=0.2).until(shows)
            browser.save_screenshot(str(path))
        finally:
            browser.quit()
            served.send_signal(signal.SIGINT)


def write_review(queue: Path, path: Path) -> None:
    """The review page with the first sample of a queue."""
    command = ["queue", "review", "--dir", str(queue), "--port", "0", "--by", "kim"]

    def shows(browser: webdriver.Chrome) -> object:
        shown = browser.execute_script(LOADED)
        if not shown:
            browser.execute_script(BEGIN)
        return shown

    write_page(command, path, shows)


def write_live(folder: Path, path: Path) -> None:
    """The live page of a service with four cameras that all see the demo, but for one that is down."""
    clip, config = folder / "long.mp4", folder / "live.yaml"
    demo_clip.write_h264(
        clip, [*demo_clip.frames()] * 30, demo_clip.SIZE, demo_clip.FPS, {"preset": "ultrafast"}
    )
    hall = [[0.01, 0.1], [0.99, 0.1], [0.99, 0.99], [0.01, 0.99]]
    door = {"from": [0.5, 0.2], "to": [0.5, 0.9], "leaving": "left"}
    cameras: dict[str, dict[str, object]] = {
        "entrance": {"source": str(clip), "zones": {"hall": hall}, "lines": {"door": door}},
        "reception": {"source": str(clip), "privacy": "blur"},
        "warehouse": {"source": "rtsp://127.0.0.1:9/stream1"},
        "canteen": {"source": str(clip), "privacy": "aggregate"},
    }
    sections = {"web": {"port": 0}, "console": {"port": 0}, "alert": {"sinks": ["log"]}}
    config.write_text(yaml.safe_dump({"cameras": cameras, **sections}, sort_keys=False))

    def shows(browser: webdriver.Chrome) -> object:
        if "token" in browser.current_url:
            return False
        if not browser.current_url.endswith("/live"):
            browser.get(urljoin(browser.current_url, "/live"))
        return browser.execute_script(ALERTED)

    with subprocess.Popen([*MASKWATCH, "run", "-c", str(config)]) as service:
        try:
            write_page(["console", "-c", str(config)], path, shows)
        finally:
            service.terminate()


def write_sites(folder: Path, path: Path) -> None:
    """The page of three sites of a shared store: one silent, one with a camera offline, one well."""
    sys.path.insert(0, str(HERE.parents[1] / "tests"))
    from harness.many_sites import three_sites
    from harness.postgres import Postgres

    config = folder / "office.yaml"
    config.write_text("console: {port: 0}\n")

    def shows(browser: webdriver.Chrome) -> object:
        if "token" in browser.current_url:
            return False
        if not browser.current_url.endswith("/sites"):
            browser.get(urljoin(browser.current_url, "/sites"))
        return browser.execute_script("return document.querySelector('.mw-sites')")

    with Postgres() as server:
        three_sites(server)
        os.environ["MASKWATCH_READER_PASSWORD"] = server.quoted
        store = server.url.replace(server.quoted, "{MASKWATCH_READER_PASSWORD}")
        write_page(["console", "-c", str(config), "--store", store], path, shows)


def write_check(clip: Path, folder: Path, path: Path) -> None:
    """The picture that `check` leaves of a camera."""
    hall = [[0.05, 0.1], [0.95, 0.1], [0.95, 0.97], [0.05, 0.97]]
    camera = {"source": str(clip), "zones": {"hall": hall}, "alert": {"sinks": []}}
    config = folder / "check.yaml"
    sections = {"web": {"enabled": False}, "console": {"enabled": False}}
    config.write_text(yaml.safe_dump({"cameras": {"entrance": camera}, **sections}))
    subprocess.run([*MASKWATCH, "check", "-c", str(config), "-o", str(folder / "check")], check=True)
    shutil.copyfile(folder / "check" / "entrance.jpg", path)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        demo, queue, config = Path(folder) / "demo", Path(folder) / "queue", Path(folder) / "my.yaml"
        subprocess.run([*MASKWATCH, "demo"], check=True, cwd=folder)
        write_frame(demo / "annotated.mp4", SHOWN_S, HERE / "annotated.jpg")
        shutil.copy(demo / "plot.png", HERE / "plot.png")
        # the models are sure of the demo's two people, so that frames come by random sampling
        config.write_text(
            "cameras: {entrance: {source: demo}}\nqueue: {audit_share: 0.2, max_per_hour: 100000}\n"
        )
        replay = ["replay", str(demo / "clip.mp4"), "--queue", str(queue), "-c", str(config)]
        subprocess.run([*MASKWATCH, *replay, "--camera", "entrance"], check=True)
        write_check(demo / "clip.mp4", Path(folder), HERE / "check.jpg")
        write_review(queue, HERE / "review.png")
        write_live(Path(folder), HERE / "live.png")
        write_sites(Path(folder), HERE / "sites.png")


if __name__ == "__main__":
    main()
