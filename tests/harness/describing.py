"""A camera that only describes its streams: what it was asked is in `asked`, and who has not the password is refused."""

import base64
import contextlib
from fractions import Fraction

import av

from harness.cameras import Listener, free_port

CHUNK = 4096


class Describing(Listener):
    """`streams` are session descriptions by path and query; `login` is `user:password`, None for everybody."""

    def __init__(self, streams, login=None):
        self.streams, self.login, self.asked, self.connections = streams, login, [], 0
        self.port = free_port()
        super().__init__(self.port)

    def url(self, path, login=None):
        return f"rtsp://{f'{login}@' if login else ''}127.0.0.1:{self.port}{path}"

    def handle(self, connection):
        self.connections += 1
        read = b""
        with contextlib.suppress(OSError):
            while data := connection.recv(CHUNK):
                read += data
                while b"\r\n\r\n" in read:
                    request, _, read = read.partition(b"\r\n\r\n")
                    connection.sendall(self._answer(request.decode()))

    def _answer(self, request):
        lines = request.splitlines()
        method, url, _ = lines[0].split()
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        path = "/" + url.split("://")[1].partition("/")[2]
        known = self.login is None or headers.get("authorization") == self._wanted()
        self.asked.append((method, path, "authorization" in headers))
        start = f"RTSP/1.0 {{}}\r\nCSeq: {headers['cseq']}\r\n"
        if not known:
            return (start.format("401 Unauthorized") + 'WWW-Authenticate: Basic realm="x"\r\n\r\n').encode()
        if path not in self.streams:
            return (start.format("404 Not Found") + "\r\n").encode()
        body = self.streams[path].encode()
        return (start.format("200 OK") + f"Content-Length: {len(body)}\r\n\r\n").encode() + body

    def _wanted(self):
        return "Basic " + base64.b64encode(self.login.encode()).decode()


def parameter_sets(codec, width, height):
    """The units of H.264 or H.265 (`hevc`) that tell the size, as an encoder writes them."""
    encoder = av.CodecContext.create({"h264": "libx264", "hevc": "libx265"}[codec], "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    quiet = {"x265-params": "log-level=none:repeat-headers=1:pools=1:frame-threads=1"}
    encoder.options = quiet if codec == "hevc" else {"preset": "ultrafast"}
    packets = encoder.encode(av.VideoFrame(width, height, "yuv420p")) + encoder.encode(None)
    units = bytes(packets[0]).replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]
    wanted = (
        (lambda unit: unit[0] & 31 in {7, 8})
        if codec == "h264"
        else (lambda unit: unit[0] >> 1 & 63 in {32, 33, 34})
    )
    return [unit for unit in units if wanted(unit)]


def description(codec, width, height):
    """What a camera answers to DESCRIBE; the size stands in the parameter sets alone."""
    sets = [base64.b64encode(unit).decode() for unit in parameter_sets(codec, width, height)]
    if codec == "h264":
        parameters = f"packetization-mode=1;sprop-parameter-sets={','.join(sets)};profile-level-id=42001F"
    else:
        parameters = ";".join(
            f"sprop-{name}={each}" for name, each in zip(("vps", "sps", "pps"), sets, strict=True)
        )
    name = {"h264": "H264", "hevc": "H265"}[codec]
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=Media",
        "t=0 0",
        "m=video 0 RTP/AVP 96",
        f"a=rtpmap:96 {name}/90000",
    ]
    lines += [f"a=fmtp:96 {parameters}", "a=control:track1", "m=audio 0 RTP/AVP 0", "a=control:track2"]
    return "".join(f"{line}\r\n" for line in lines)
