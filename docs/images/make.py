"""Makes the pictures of the README from the demo, by the program's own commands: `python docs/images/make.py`.

It needs Chromium and its driver for the picture of the review page.
"""

import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import cv2
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

HERE = Path(__file__).parent
MASKWATCH = [sys.executable, "-m", "maskwatch"]
SHOWN_S = 5.8  # of the demo: one of the two has worn a mask for a while
SIZE = (1366, 768)
BEGIN = "const b = [...document.querySelectorAll('button')].find(b => b.innerText.trim().endsWith('Label')); b?.click()"
LOADED = "const s = document.querySelector('.mw-stage svg'); return s && s.dataset.loaded === 'true'"


def write_frame(video: Path, at_s: float, path: Path) -> None:
    """The frame of a video that is shown `at_s` seconds after its start."""
    with av.open(str(video)) as container:
        frame = next(f for f in container.decode(video=0) if f.time is not None and f.time >= at_s)
        cv2.imwrite(str(path), frame.to_ndarray(format="bgr24"))


def write_page(queue: Path, path: Path) -> None:
    """The review page with the first sample of a queue, as Chromium shows it."""
    command = [*MASKWATCH, "queue", "review", "--dir", str(queue), "--port", "0", "--by", "kim"]
    options = webdriver.ChromeOptions()
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--hide-scrollbars",
        f"--window-size={SIZE[0]},{SIZE[1]}",
    ):
        options.add_argument(argument)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None
        address = re.search(r"http://\S+", served.stdout.readline())
        assert address is not None
        browser = webdriver.Chrome(options, Service("/usr/bin/chromedriver"))
        try:
            browser.get(address[0])
            wait = WebDriverWait(browser, 120, poll_frequency=2)
            wait.until(
                lambda b: b.execute_script(LOADED) or b.execute_script(BEGIN)
            )  # True once it is loaded
            browser.save_screenshot(str(path))
        finally:
            browser.quit()
            served.send_signal(signal.SIGINT)


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
        write_page(queue, HERE / "review.png")


if __name__ == "__main__":
    main()
