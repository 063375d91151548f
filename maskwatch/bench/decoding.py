"""Decoded frames: the rate from a file to verdicts, and how many frames one thread decodes with each decoder."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from av.codec.hwaccel import HWAccel

from maskwatch.bench.calls import judged
from maskwatch.bench.parts import Figures
from maskwatch.core.address import Address
from maskwatch.core.ports import Classifier
from maskwatch.core.records import Rgb
from maskwatch.detect.cascade import Mtcnn
from maskwatch.platform.device_frames import Image
from maskwatch.sources.decoding import open_container, upright, video_stream
from maskwatch.sources.hardware import DEVICES, why_missing
from maskwatch.sources.registry import open_source
from maskwatch.sources.settings import Decode


def first_frames(footage: Path, count: int) -> list[Rgb]:
    """At most so many frames, all of one size."""
    frames: list[Rgb] = []
    for rgb in decoded(footage):
        if not frames or rgb.shape == frames[0].shape:
            frames.append(rgb)
        if len(frames) == count:
            break
    return frames


def decoded_in(
    detector: Mtcnn, judge: Classifier, images: Callable[[], Iterator[Image]], batch: int, seconds: float
) -> Figures:
    """Frames a second from `images` to verdicts: one thread decodes all of them over and over, this one computes."""
    waiting: queue.Queue[Image | BaseException] = queue.Queue(2 * batch)
    stop = threading.Event()

    def decode() -> None:
        try:
            while not stop.is_set():
                for image in images():
                    waiting.put(image)
                    if stop.is_set():
                        return
        except Exception as e:  # noqa: BLE001 - raised again by whoever waits for frames
            waiting.put(e)

    thread = threading.Thread(target=decode, name="decode", daemon=True)
    thread.start()
    count, started = 0, time.perf_counter()
    try:
        while (took := time.perf_counter() - started) < seconds:
            frames = [_frame(waiting.get())]
            while len(frames) < batch and not waiting.empty():
                frames.append(_frame(waiting.get()))
            judged(detector, judge, frames)
            count += len(frames)
    finally:
        stop.set()
        while thread.is_alive():  # it may wait for room
            if not waiting.empty():
                waiting.get()
            thread.join(0.01)
    return {"fps": round(count / took, 2), "frames": count, "decoding_threads": 1, "decoder": "PyAV"}


def decoding(footage: Path, seconds: float) -> Figures:
    """Frames a second from a file to RGB in the processor's memory, by what decodes; where it is not there, why."""
    rates: Figures = {}
    for device in (Decode.SOFTWARE, *DEVICES):
        why = None if device is Decode.SOFTWARE else why_missing(device)
        rates[device.value] = _rate(footage, device, seconds) if why is None else why
    return rates


def _rate(footage: Path, device: Decode, seconds: float) -> float | str:
    count, took, started = 0, 0.0, time.perf_counter()
    while took < seconds:
        accelerator = (
            None if device is Decode.SOFTWARE else HWAccel(device.value, allow_software_fallback=True)
        )
        with open_container(str(footage), accelerator=accelerator) as container:
            stream = video_stream(container, footage.name)
            if accelerator is not None and not stream.codec_context.is_hwaccel:
                return "no codec of it"
            stream.thread_type = "NONE"
            for image in container.decode(stream):
                upright(image)
                count += 1
                if time.perf_counter() - started >= seconds:
                    break
        took = time.perf_counter() - started
    return round(count / took, 1)


def decoded(footage: Path) -> Iterator[Rgb]:
    """Its frames, decoded in software."""
    with closing(open_source("bench", Address(str(footage))).frames()) as frames:
        yield from (frame.rgb for frame in frames)


def _frame(taken: Image | BaseException) -> Image:
    if isinstance(taken, BaseException):
        raise taken
    return taken
