"""Picture files: spoiled, of large claims, and honest ones that unpack to much."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from fuzz.kinds.base import Kind
from fuzz.mutation import ESCAPE, mutated

WORDS = [b"Exif\0\0", b"IHDR", b"iTXt", b"acTL", b"VP8X", b"ANMF", b"\xff\xc4", b"\xff\xda", b"\xff\xc2", b"GIF89a", b"II*\0", b"BM"]
MANY = 7000  # a side: 49 million pixels, just allowed


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def seeds():
    """Small pictures of each kind, by suffix."""
    random = np.random.default_rng(0)
    rgb = np.kron(random.integers(0, 255, (6, 8, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
    image = Image.fromarray(rgb)
    deep = Image.fromarray((rgb[..., 0].astype(np.uint16) * 257))
    real = Image.fromarray(rgb[..., 0].astype(np.float32))
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turned
    exif[0x010E] = ESCAPE
    frames = [image.rotate(90 * turn) for turn in range(3)]
    animated = {"save_all": True, "append_images": frames, "duration": 50}
    return [
        (".jpg", saved(image, "JPEG")),
        (".jpg", saved(image, "JPEG", exif=exif, progressive=True, comment=ESCAPE.encode())),
        (".jpg", saved(image.convert("CMYK"), "JPEG")),
        (".jpg", saved(image.convert("L"), "JPEG")),
        (".png", saved(image, "PNG", exif=exif)),
        (".png", saved(image.convert("RGBA"), "PNG")),
        (".png", saved(image.convert("P"), "PNG")),
        (".png", saved(deep, "PNG")),
        (".png", saved(image, "PNG", **animated)),
        (".webp", saved(image, "WEBP", exif=exif)),
        (".webp", saved(image.convert("RGBA"), "WEBP", lossless=True)),
        (".webp", saved(image, "WEBP", **animated)),
        (".bmp", saved(image, "BMP")),
        (".bmp", saved(image.convert("P"), "BMP")),
        (".bmp", saved(image, "GIF", **animated)),  # named otherwise than it is
        (".tif", saved(image, "TIFF", compression="tiff_deflate", exif=exif)),
        (".tif", saved(image, "TIFF", compression="tiff_lzw")),
        (".tiff", saved(image, "TIFF", **animated)),
        (".tiff", saved(deep, "TIFF")),
        (".tiff", saved(real, "TIFF")),
        (".jpg", saved(image, "JPEG2000")),
        (".png", b"P6 64 48 255\n" + rgb.tobytes()),
        (".png", b""),
    ]


def png(width, height, colour, bits, row):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(1 + row)) for _ in range(height)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def tiff(width, height, tags, data):
    """One strip of `data`; `tags` besides."""
    every = {256: width, 257: height, 262: 2, 273: 8 + 2 + 12 * (8 + len(tags)) + 4, 277: 3, 278: height, 279: len(data)}
    every |= {258: 8, **tags}
    rows = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(every.items()))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(every)) + rows + bytes(4) + data


def deflated(size):
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()


LARGE = (
    lambda: (".png", png(MANY, MANY, 2, 8, MANY * 3)),
    lambda: (".png", png(MANY, MANY, 6, 16, MANY * 8)),
    lambda: (".tif", tiff(MANY, MANY, {259: 8, 258: 64, 339: 3, 262: 1, 277: 1}, deflated(MANY * MANY * 8))),
    lambda: (".tif", tiff(MANY, MANY, {259: 8, 258: 32, 339: 3, 277: 4}, deflated(MANY * MANY * 16))),
    lambda: (".jpg", saved(Image.new("RGB", (MANY, MANY)), "JPEG", progressive=True)),
    lambda: (".webp", saved(Image.new("RGB", (8000, 6000)), "WEBP", lossless=True)),
    lambda: (".jpg", saved(Image.new("RGB", (MANY, MANY)), "JPEG2000")),
    lambda: (".png", saved(Image.new("RGB", (50_000_000, 1)), "PNG")),
)


class Pictures(Kind):
    """Through the reader that queue, data sets, footage and uploads share, and what makes small pictures of it."""

    def __init__(self, folder):
        super().__init__(folder)
        self.seeds = seeds()

    def make(self, number, random, folder):
        if number % 40 == 39 and number // 40 < len(LARGE):
            suffix, data = LARGE[number // 40]()
        else:
            suffix, data = random.choice(self.seeds)
            data = mutated(data, random, WORDS)
        path = folder / f"{random.choice(['picture', 'a b', '사진'])}{suffix}"
        path.write_bytes(data)
        return path

    def warm(self):
        path = self.folder / "seed.png"
        path.write_bytes(self.seeds[4][1])
        self.take(path)

    def take(self, path):
        from maskwatch.console.review.thumbnails import thumbnail
        from maskwatch.console.review.uploads import Uploads
        from maskwatch.core.address import Address
        from maskwatch.core.errors import SourceError
        from maskwatch.datasets.records import perceptual_hash
        from maskwatch.samples.store import Queue
        from maskwatch.sources.images import image_size, read_rgb
        from maskwatch.sources.registry import open_source

        refused = None
        for read in (
            lambda: perceptual_hash(read_rgb(path)),
            lambda: image_size(path),
            lambda: thumbnail(path),
            lambda: list(open_source("door", Address(str(path))).frames()),
            lambda: Uploads(Queue(self.folder / "queue"), lambda _: ()).store(path.name, path.read_bytes()),
        ):
            try:
                read()
            except SourceError as e:
                refused = e
        if refused:
            raise refused
