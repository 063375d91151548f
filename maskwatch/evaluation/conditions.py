"""Simulated conditions: pictures as another camera, or other light, would have taken them.

Light adds up, and sensors count it, on a linear scale; so all but the compression happens there (IEC 61966-2-1,
sRGB). A sensor's noise is that of EMVA 1288: the electrons are Poisson distributed, and reading them adds a
normal error. What is drawn depends on the picture's key and the condition alone.
"""

import hashlib
from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from maskwatch.core.records import Rgb

Light = NDArray[np.float32]
"""`(H, W, 3)` float32, linear light; 1 is white."""

FULL_WELL_E = 15_000.0  # electrons at white, ISO 100: sensors of surveillance cameras hold 10,000 to 20,000
READ_NOISE_E = 2.5
INFRARED = np.array([0.5, 0.35, 0.15], np.float32)  # red is nearest to what an infrared lamp shows

Condition = Callable[[Rgb, Generator], Rgb]


def grey(rgb: Rgb, random: Generator) -> Rgb:
    """By the camera's own infrared lamp: without colour, slightly overexposed, darker to the edges by the cos^4 law."""
    light = (_linear(rgb) @ INFRARED)[..., None] * np.float32(random.uniform(1.3, 1.8))
    across, down, half = _from(rgb, 0.5, 0.5)
    tangent = np.hypot(across, down) / half * np.tan(np.radians(random.uniform(35, 50)))
    light = light / (1 + tangent[..., None] ** 2) ** 2
    return _encoded(np.repeat(_sensed(light, 1600, random), 3, axis=2))


def dark(rgb: Rgb, random: Generator) -> Rgb:
    """A tenth or so of the light, and the noise of a sensor that is read with much gain."""
    return _encoded(_sensed(_linear(rgb) * np.float32(random.uniform(0.07, 0.15)), 3200, random))


def noisy(rgb: Rgb, random: Generator) -> Rgb:
    """As bright as before, but with the noise of ISO 5,000 to 12,500."""
    return _encoded(_sensed(_linear(rgb), random.uniform(5000, 12_500), random))


def compressed(rgb: Rgb, random: Generator) -> Rgb:
    """JPEG of quality 15 to 25, as over a slow network."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(15, 26))]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), quality)
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None  # it was written just now
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


def backlit(rgb: Rgb, random: Generator) -> Rgb:
    """Against a bright door: people get a quarter of the light, veiled by glare that is strongest at the door.

    The picture is transmitted light plus veil, as in H. Koschmieder's model of haze (1924).
    """
    across, down, half = _from(rgb, random.uniform(0.2, 0.8), random.uniform(0, 0.5))
    glow = np.exp(-(across**2 + down**2) / (2 * (0.4 * half) ** 2))[..., None]
    veil = 0.01 + random.uniform(0.1, 0.3) * glow
    light = _linear(rgb) * np.float32(random.uniform(0.18, 0.35)) + veil.astype(np.float32)
    return _encoded(_sensed(light, 400, random))


def motion_blur(rgb: Rgb, random: Generator) -> Rgb:
    """Motion blur, roughly horizontal, over 0.8 to 1.5 % of the picture's diagonal."""
    length = max(3.0, float(np.hypot(*rgb.shape[:2])) * random.uniform(0.008, 0.015))
    angle = np.radians(random.uniform(-20, 20))
    side = int(np.ceil(length)) // 2 * 2 + 3
    kernel = np.zeros((side, side), np.float32)
    for along in np.linspace(-length / 2, length / 2, 8 * side):
        x, y = side // 2 + along * np.cos(angle), side // 2 + along * np.sin(angle)
        kernel[round(y), round(x)] += 1
    return _blurred(rgb, kernel)


def defocus(rgb: Rgb, random: Generator) -> Rgb:
    """Out of focus: a point becomes a disc with a radius of 0.3 to 0.5 % of the picture's diagonal."""
    radius = max(1.2, float(np.hypot(*rgb.shape[:2])) * random.uniform(0.003, 0.005))
    reach = int(np.ceil(radius))
    down, across = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return _blurred(rgb, np.clip(radius + 0.5 - np.hypot(across, down), 0, 1).astype(np.float32))


CONDITIONS: Mapping[str, Condition] = {
    "grey": grey,
    "dark": dark,
    "noisy": noisy,
    "compressed": compressed,
    "backlit": backlit,
    "motion blur": motion_blur,
    "defocus": defocus,
}


def under(condition: str | None, key: str, rgb: Rgb) -> Rgb:
    """The picture under one of `CONDITIONS` (None: unchanged); what is random depends only on `key` and the condition."""
    if condition is None:
        return rgb
    seed = hashlib.sha256(f"{condition}/{key}".encode()).digest()[:8]
    return CONDITIONS[condition](rgb, np.random.default_rng(int.from_bytes(seed, "big")))


def _linear(rgb: Rgb) -> Light:
    value = np.arange(256) / 255
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return np.asarray(light.astype(np.float32)[rgb])


def _encoded(light: Light) -> Rgb:
    clipped = np.clip(light, 0, 1)
    value = np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(value * 255), np.uint8)


def _sensed(light: Light, iso: float, random: Generator) -> Light:
    """With a sensor's noise: the higher the ISO, the fewer electrons make white."""
    white_e = FULL_WELL_E * 100 / iso
    electrons = random.poisson(np.clip(light, 0, None) * white_e) + random.normal(
        0, READ_NOISE_E, light.shape
    )
    return np.asarray(electrons / white_e, np.float32)


def _blurred(rgb: Rgb, kernel: NDArray[np.float32]) -> Rgb:
    light = cv2.filter2D(_linear(rgb), -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    return _encoded(np.asarray(light, np.float32))


def _from(rgb: Rgb, x: float, y: float) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Each pixel's distance right of and below a point (given in shares of the picture), and half the diagonal; in pixels."""
    height, width = rgb.shape[:2]
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    return across - x * width, down - y * height, float(np.hypot(height, width)) / 2
