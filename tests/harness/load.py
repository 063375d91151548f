"""What a hundred clients of the service's addresses, and exports, cost the analysis; run by hand.

    python tests/harness/load.py CONFIG [--seconds 10] [--rounds 3] [--clients 100] [LOAD ...]

starts `maskwatch run` with that configuration, and measures in turn, as often as there are rounds: without anybody, then
with each load. A load is a path, `/metrics` say, which so many clients ask for over and over, each when it was answered; or `exports:N`: N
downloads of `/api/queue/export` go on at once, of which each begins again when it ends. Told are the frames a second that
are analysed, answers a second, and what `/healthz` takes meanwhile. The cameras' footage has to last, and `web.token`
is taken from MASKWATCH_WEB_TOKEN. `--long CLIP SECONDS FILE` makes footage that does, `--queue FOLDER N` a queue of so many samples.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import av
import psutil

PATIENCE_S = 20.0  # with /healthz
STARTING_S = 180.0
NICENESS = "MASKWATCH_LOAD_NICENESS"  # of the clients, 19 without it: they are in fact elsewhere. 0 where others need the processor, too


async def ask_for_ever(host, port, path, counts):
    """One client: over one connection where it may, one question after the other."""
    asked = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token()}\r\n\r\n".encode()
    while True:
        with suppress(OSError, asyncio.IncompleteReadError, ValueError):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                while True:
                    writer.write(asked)
                    head = await reader.readuntil(b"\r\n\r\n")
                    code = int(head.split(b" ", 2)[1])
                    counts[code] = counts.get(code, 0) + 1
                    length = [
                        line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
                    ]
                    if length:
                        await reader.readexactly(int(length[0].split(b":")[1]))
                    else:
                        while size := int(await reader.readuntil(b"\r\n"), 16):
                            counts["bytes"] = counts.get("bytes", 0) + len(await reader.readexactly(size + 2))
                        await reader.readexactly(2)
                    if code == 503:
                        await asyncio.sleep(1)
            finally:
                writer.close()
        await asyncio.sleep(0.1)


async def crowd(url, path, clients):
    """So many; each second they tell what they were answered."""
    at, counts = urlsplit(url), {}
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(ask_for_ever(at.hostname, at.port, path, counts))
        while True:
            await asyncio.sleep(0.5)
            print(json.dumps(counts), flush=True)


def niceness():
    return os.environ.get(NICENESS, "19")


def token():
    return os.environ.get("MASKWATCH_WEB_TOKEN", "")


def asked(url, path, timeout=300):
    request = urllib.request.Request(url + path, headers={"Authorization": f"Bearer {token()}"})
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return answer.read()


def analysed(url):
    cameras = json.loads(asked(url, "/api/status"))["cameras"]
    return sum(each["analysed"] for each in cameras.values())


@contextmanager
def crowded(url, load, clients):
    """While `load`, of which the last words are told."""
    if load is None:
        yield dict
        return
    path = load
    if load.startswith("exports:"):
        path, clients = "/api/queue/export?all=true", load.split(":")[1]
    command = ["nice", "-n", niceness(), sys.executable, __file__, "--crowd", url, path, str(clients)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        told = [process.stdout.readline()]
        os.set_blocking(process.stdout.fileno(), False)
        try:

            def last():
                told.extend(process.stdout.read().splitlines() if select(process.stdout) else [])
                return json.loads(told[-1])

            yield last
        finally:
            process.kill()


def select(stream):
    import select as system

    return system.select([stream], [], [], 0)[0]


def processor_s(pid):
    """Of the service alone: where others take the processor, what each second of it came to tells more than the clock."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def measure(url, pid, load, seconds, clients):
    """Of one load, or of None. Frames are counted from before its clients come until they are gone: meanwhile nobody may be answered."""
    frames, began, cpu_s, waits = analysed(url), time.monotonic(), processor_s(pid), []
    with crowded(url, load, clients) as answers:
        while time.monotonic() - began < seconds:
            asked_s = time.monotonic()
            with suppress(OSError):
                asked(url, "/healthz", PATIENCE_S)
            waits.append(time.monotonic() - asked_s)
            time.sleep(0.5)
        got, took_s = answers(), time.monotonic() - began
        memory = sum(
            each.memory_info().rss for each in [psutil.Process(pid), *psutil.Process(pid).children()]
        )
    frames, all_s, cpu_s = analysed(url) - frames, time.monotonic() - began, processor_s(pid) - cpu_s
    told = {code: round(n / took_s, 1) for code, n in got.items()}
    return {
        "fps": round(frames / all_s, 2),
        "frames_a_core_s": round(frames / cpu_s, 2),
        "healthz_s": round(max(waits), 3),
        "answers_s": told,
        "mb": memory // 1_000_000,
    }


def run(config, loads, seconds, rounds, clients):
    log = Path(config).with_suffix(".log")
    with log.open("w") as file:
        service = subprocess.Popen([sys.executable, "-m", "maskwatch", "run", "-c", config], stderr=file)
    try:
        until_s = time.monotonic() + STARTING_S
        while True:
            assert time.monotonic() < until_s, log.read_text()
            time.sleep(0.5)
            with suppress(OSError):
                url = f"http://127.0.0.1:{json.loads(Path(config).read_text())['web']['port']}"
                states = [each["state"] for each in json.loads(asked(url, "/api/status"))["cameras"].values()]
                if set(states) == {"up"}:
                    break
        time.sleep(5)
        found = {}
        for _ in range(rounds):
            for load in loads:
                for each in (None, load):
                    key = load if each else f"before {load}"
                    found.setdefault(key, []).append(measure(url, service.pid, each, seconds, clients))
                    print(f"{each or 'nobody':30}", json.dumps(found[key][-1]), flush=True)
        for load in loads:
            pairs = list(zip(found[f"before {load}"], found[load], strict=True))
            worst = max(each["healthz_s"] for each in found[load])
            ratios = {
                what: " ".join(f"{b[what] / a[what]:.2f}" for a, b in pairs)
                for what in ("fps", "frames_a_core_s")
            }
            print(f"{load:14} of what it is without: {ratios}; /healthz {worst} s at most", flush=True)
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait(60)


def lengthen(clip, seconds, target):
    """The clip over and over, its packets as they are."""
    with av.open(target, "w") as out:
        stream, offset = None, 0
        while True:
            last = 0
            with av.open(clip) as source:
                stream = stream or out.add_stream_from_template(source.streams.video[0])
                for packet in source.demux(video=0):
                    if packet.dts is None:
                        continue
                    last = max(last, packet.pts + packet.duration)
                    packet.pts, packet.dts, packet.stream = packet.pts + offset, packet.dts + offset, stream
                    if float(packet.pts * packet.time_base) > seconds:
                        return
                    out.mux(packet)
            offset += last


def fill(folder, count):
    """A queue of so many samples, whose pictures are one file by many names."""
    import numpy as np

    from maskwatch.core.records import Box, Face, Frame, FrameReport, Label
    from maskwatch.samples.store import Queue

    rgb = np.random.default_rng(0).integers(0, 60, (360, 640, 3)).astype(np.uint8)
    faces = tuple(Face(Box(x, 50, x + 60, 130), 0.9, 0.4, Label.UNPROTECTED) for x in (10, 200, 400))
    queue = Queue(folder)
    name = queue.add(
        Frame("door", "x", 0, 0.0, rgb), FrameReport("door", "x", 0, 0.0, (640, 360), faces), ("low",)
    )
    record, image = queue._record(name), queue.image(name)
    text = record.read_text()
    for number in range(count - 1):
        other = f"{name[:-4]}{number:05d}x"
        os.link(image, image.with_name(f"{other}.jpg"))
        record.with_name(f"{other}.json").write_text(text.replace(name, other))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", nargs="?")
    parser.add_argument(
        "loads", nargs="*", default=["/metrics", "/api/status", "/healthz", "exports:1", "exports:3"]
    )
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--crowd", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--long", nargs=3, metavar=("CLIP", "SECONDS", "FILE"))
    parser.add_argument("--queue", nargs=2, metavar=("FOLDER", "N"))
    given = parser.parse_args()

    if given.crowd:
        with suppress(OSError):  # niceness counts within a session alone where there is this
            Path("/proc/self/autogroup").write_text(niceness())
        asyncio.run(crowd(given.crowd[0], given.crowd[1], int(given.crowd[2])))
    elif given.long:
        lengthen(given.long[0], float(given.long[1]), given.long[2])
    elif given.queue:
        fill(Path(given.queue[0]), int(given.queue[1]))
    else:
        run(given.config, given.loads, given.seconds, given.rounds, given.clients)


if __name__ == "__main__":
    main()
