"""Video files whose heads, indexes and packets are spoiled."""

import av
import numpy as np

from fuzz.kinds.base import Kind
from fuzz.mutation import ESCAPE, mutated

WORDS = [b"moov", b"stsz", b"stts", b"stsc", b"ctts", b"elst", b"mdat", b"trak", b"\x1a\x45\xdf\xa3", b"idx1", b"movi", b"\x47", b"\0\0\0\x01"]
FORMATS = [
    (".mp4", "mp4", "mpeg4", {}),
    (".mp4", "mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
    (".mp4", "mp4", "libx264", {"movflags": "faststart"}),
    (".mkv", "matroska", "libx264", {}),
    (".webm", "webm", "libvpx", {}),
    (".avi", "avi", "mjpeg", {}),
    (".ts", "mpegts", "mpeg2video", {}),
    (".flv", "flv", "flv1", {}),
    (".gif", "gif", "gif", {}),
    (".mov", "mov", "png", {}),
    (".h264", "h264", "libx264", {}),
]


def video(path, kind, codec, options):
    """Eight frames of 64 x 48, with a title and, where there may be one, sound."""
    random = np.random.default_rng(1)
    with av.open(str(path), "w", format=kind, options=options) as out:
        out.metadata["title"] = ESCAPE
        stream = out.add_stream(codec, rate=10)
        stream.width, stream.height = 64, 48
        wanted = {"gif": "rgb8", "mjpeg": "yuvj420p", "png": "rgb24"}
        stream.pix_fmt = wanted.get(codec, "yuv420p")
        for _ in range(8):
            rgb = np.kron(random.integers(0, 255, (6, 8, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=stream.pix_fmt)
            for packet in stream.encode(frame):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    return path.read_bytes()


class Videos(Kind):
    """Through the source of files: what it expects, and all its frames."""

    def __init__(self, folder):
        super().__init__(folder)
        self.seeds = []
        for number, (suffix, *how) in enumerate(FORMATS):
            self.seeds.append((suffix, video(folder / f"seed{number}{suffix}", *how)))

    def make(self, number, random, folder):
        suffix, data = self.seeds[number % len(self.seeds)]
        path = folder / f"clip{suffix}"
        path.write_bytes(mutated(data, random, WORDS))
        return path

    def warm(self):
        for number, (suffix, data) in enumerate(self.seeds):
            path = self.folder / f"warm{number}{suffix}"
            path.write_bytes(data)
            self.take(path)

    def take(self, path):
        from maskwatch.core.address import Address
        from maskwatch.core.errors import SourceError
        from maskwatch.sources.file import FileSource

        source, refused = FileSource("door", Address(str(path))), None
        for read in (source.expected, lambda: sum(1 for _ in source.frames())):
            try:
                read()
            except SourceError as e:
                refused = e
        if refused:
            raise refused
