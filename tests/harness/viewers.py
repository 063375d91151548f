"""What a hundred people who look at the live page cost the analysis; run by hand.

    python tests/harness/viewers.py CONFIG [--people 100] [--seconds 12] [--rounds 7]

starts `maskwatch run` and, with niceness 10, `maskwatch console` with that configuration, and measures in turn with
nobody (who look, are stopped) and with so many who look: the frames a second that are analysed, and what processor and memory are used. The
cameras' footage has to last. The viewers are a process of their own (`--link`): each signs in, loads the page, keeps
NiceGUI's websocket, and asks over the page's own for all cameras' pictures, as a browser with a window of 1366 px does.
"""

import argparse
import asyncio
import json
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import httpx
import psutil
import websockets

WIDTH = 480  # px of a camera's picture where four are on a page
VIEWERS = 19  # their niceness: they are in fact elsewhere
SETTLE_S = 3.0
STARTING_S = 180.0


async def look(client, base, cookie, counts):
    """One person, for ever."""
    page = (await client.get(f"{base}/live", headers={"Cookie": cookie})).text
    client_id = re.search(r'client_id["\']?:\s*["\']([^"\']+)', page).group(1)
    address = base.replace("http", "ws", 1)
    names = json.loads(counts["names"])
    shell = asyncio.create_task(keep_shell(address, cookie, client_id))
    numbers, seen = dict.fromkeys(names, -1), -1
    try:
        while True:
            headers = {"Cookie": cookie}
            with suppress(websockets.ConnectionClosed):
                async with websockets.connect(
                    f"{address}/live/feed", additional_headers=headers, max_size=None, open_timeout=120
                ) as feed:
                    while True:
                        cameras = {name: [WIDTH, number] for name, number in numbers.items()}
                        await feed.send(json.dumps({"cameras": cameras, "seen": seen}))
                        data = await feed.recv()
                        length = int.from_bytes(data[:4], "big")
                        head = json.loads(data[4 : 4 + length])
                        seen = head["seen"]
                        for name, number, size in head["pictures"]:
                            numbers[name] = number
                            counts["pictures"] += 1
                            counts["bytes"] += size
    finally:
        shell.cancel()


async def keep_shell(address, cookie, client_id):
    """NiceGUI's own websocket, with its heartbeat."""
    query = f"EIO=4&transport=websocket&client_id={client_id}&next_message_id=0"
    query += f"&tab_id={uuid4()}&document_id={uuid4()}&implicit_handshake=true"
    async with websockets.connect(
        f"{address}/_nicegui_ws/socket.io/?{query}", additional_headers={"Cookie": cookie}, open_timeout=120
    ) as shell:
        await shell.recv()
        await shell.send("40")
        async for message in shell:
            if message == "2":
                await shell.send("3")


async def view(link, people, names):
    """So many, who come one after another; tells what they got each second."""
    base = link.split("/?")[0]
    counts = {"pictures": 0, "bytes": 0, "names": names}
    async with httpx.AsyncClient(timeout=120) as client:
        entered = await client.get(link)
        cookie = entered.headers["set-cookie"].split(";")[0]
        async with asyncio.TaskGroup() as group:
            for _ in range(people):
                group.create_task(look(client, base, cookie, counts))
                await asyncio.sleep(0.05)
            print("all look", flush=True)
            while True:
                await asyncio.sleep(1)
                print(json.dumps({"pictures": counts["pictures"], "bytes": counts["bytes"]}), flush=True)


@contextmanager
def process(command, niceness=0):
    nice = ["nice", "-n", str(niceness)] if niceness else []
    with subprocess.Popen(
        [*nice, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=niceness == VIEWERS,
    ) as it:
        try:
            yield it
        finally:
            it.terminate()
            it.wait()


def told(it, pattern):
    """What its output says by the pattern; the rest is thrown away from then on, so that it does not fill."""
    for line in it.stdout:
        if found := re.search(pattern, line):
            return found.group()
    raise AssertionError(f"it ended, and did not say {pattern}")


def drained(it):
    threading.Thread(target=lambda: list(it.stdout), daemon=True).start()


def status(url):
    with urllib.request.urlopen(f"{url}/api/status", timeout=30) as answer:
        return json.loads(answer.read())


def cpu_s(it):
    times = psutil.Process(it.pid).cpu_times()
    return times.user + times.system


def machine_s():
    """Of all processes together."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - times.guest - times.guest_nice


def measure(url, service, console, crowd, seconds):
    """Analysed frames a second of all cameras, and shares of a processor core; `others` is what else the machine did."""
    before, began = status(url), time.monotonic()
    service_s, console_s, crowd_s, all_s = cpu_s(service), cpu_s(console), cpu_s(crowd), machine_s()
    time.sleep(seconds)
    after, took_s = status(url), time.monotonic() - began
    frames = sum(
        after["cameras"][n]["analysed"] - camera["analysed"] for n, camera in before["cameras"].items()
    )
    return {
        "fps": round(frames / took_s, 2),
        "service_cores": round((cpu_s(service) - service_s) / took_s, 3),
        "console_cores": round((cpu_s(console) - console_s) / took_s, 3),
        "viewers_cores": round((cpu_s(crowd) - crowd_s) / took_s, 3),
        "others_cores": round(
            (
                machine_s()
                - all_s
                - sum(map(cpu_s, (service, console, crowd)))
                + service_s
                + console_s
                + crowd_s
            )
            / took_s,
            2,
        ),
        "console_mb": round(psutil.Process(console.pid).memory_info().rss / 1e6),
        "latency_s": max(c["latency_s"] or 0 for c in after["cameras"].values()),
    }


def run(config, people, seconds, rounds):
    program = [sys.executable, "-m", "maskwatch"]
    with (
        process([*program, "run", "-c", config]) as service,
        process([*program, "console", "-c", config], 10) as console,
    ):
        url = told(service, r"http://\S+")
        drained(service)
        link = told(console, r"https?://\S+")
        drained(console)
        until_s = time.monotonic() + STARTING_S
        while not all(c["state"] == "up" for c in status(url)["cameras"].values()):
            assert time.monotonic() < until_s, "the cameras do not come up"
            time.sleep(1)
        names = json.dumps(list(status(url)["cameras"]))
        viewers = [sys.executable, __file__, "--link", link, "--names", names, "--people", str(people)]
        with process(viewers, VIEWERS) as crowd:
            told(crowd, "all look")
            got = []
            threading.Thread(target=lambda: got.extend(map(json.loads, crowd.stdout)), daemon=True).start()
            found = {"nobody": [], "looking": []}
            for _ in range(rounds):
                for who, number in (("nobody", signal.SIGSTOP), ("looking", signal.SIGCONT)):
                    crowd.send_signal(number)
                    time.sleep(SETTLE_S)
                    sent = [len(got), *(got[-1].values() if got else (0, 0))]
                    found[who].append(measure(url, service, console, crowd, seconds))
                    if who == "looking":
                        found[who][-1]["pictures_s"] = round((got[-1]["pictures"] - sent[1]) / seconds)
                    print(f"{who:8}", json.dumps(found[who][-1]), flush=True)
            crowd.send_signal(signal.SIGCONT)
    fps = {who: sum(each["fps"] for each in all_of_it) / rounds for who, all_of_it in found.items()}
    print(f"analysed frames a second: {fps}, {fps['looking'] / fps['nobody']:.3f} of without", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", nargs="?")
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--link")
    parser.add_argument("--names")
    given = parser.parse_args()
    if given.link:
        with suppress(OSError):  # niceness counts within a session alone where there is this
            Path("/proc/self/autogroup").write_text("10")
        asyncio.run(view(given.link, given.people, given.names))
    else:
        run(given.config, given.people, given.seconds, given.rounds)


if __name__ == "__main__":
    main()
