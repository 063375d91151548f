"""A real RTSP camera on loopback that plays an H.264 or H.265 clip in a loop.

Run with the system's Python, which has Debian's GStreamer bindings:
python3 rtsp_server.py PORT CLIP.h264|CLIP.h265 [--login USER:PASSWORD] [--fault still:SECONDS|noise:SECONDS]
    [--also PATH=CLIP] [--only tcp|udp]

With a fault there is sound, too, and after so many seconds the picture stands still while the sound goes on, or all
that comes of it is noise.

`--also` puts another clip at another path, as often as needed; `--only` takes no other transport.

The clip is an Annex B stream in which every frame starts with an access unit delimiter, without B-frames.
The address is rtsp://127.0.0.1:PORT/cam; "ready" is printed when it listens.
"""

import argparse
import itertools
import random
import sys
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

DELIMITERS = {"h264": b"\x00\x00\x00\x01\x09", "h265": b"\x00\x00\x00\x01\x46"}
SOUND = "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay name=pay1 pt=0"
FRAME_NS = Gst.SECOND // 25


class Camera(GstRtspServer.RTSPMediaFactory):
    def __init__(self, clip, fault=None):
        super().__init__()
        self.fault, seconds = fault.split(":") if fault else (None, 0)
        self.good = float(seconds) * 25
        codec = Path(clip).suffix[1:]
        self.delimiter = DELIMITERS[codec]
        self.frames = [self.delimiter + piece for piece in Path(clip).read_bytes().split(self.delimiter)[1:]]
        self.set_shared(True)
        self.set_launch(
            "( appsrc name=src format=time is-live=false "
            f"caps=video/x-{codec},stream-format=byte-stream,alignment=au,framerate=25/1 "
            f"! {codec}parse ! identity name=gate ! rtp{codec}pay name=pay0 pt=96 config-interval=0 {SOUND if fault else ''} )"
        )
        self.connect("media-configure", self.on_configure)

    def on_configure(self, _factory, media):
        supply = zip(itertools.count(), itertools.cycle(self.frames), strict=False)

        def on_need_data(source, _length):
            number, data = next(supply)
            if self.fault == "noise" and number >= self.good:
                data = (
                    self.delimiter + b"\xf0\0\0\0\1\x41" + bytes(random.randrange(1, 256) for _ in range(900))
                )
            buffer = Gst.Buffer.new_wrapped(data)
            buffer.pts = buffer.dts = number * FRAME_NS
            buffer.duration = FRAME_NS
            source.emit("push-buffer", buffer)

        media.get_element().get_by_name("src").connect("need-data", on_need_data)
        if self.fault == "still":
            passed = itertools.count()

            def on_buffer(_pad, _info):
                return Gst.PadProbeReturn.OK if next(passed) < self.good else Gst.PadProbeReturn.DROP

            pad = media.get_element().get_by_name("gate").get_static_pad("src")
            pad.add_probe(Gst.PadProbeType.BUFFER, on_buffer)


def require_login(server, factory, credentials, *, digest=False):
    user, password = credentials.split(":", 1)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth = GstRtspServer.RTSPAuth()
    if digest:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    else:
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    allowed = "viewer, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"
    factory.add_role_from_structure(Gst.Structure.from_string(allowed)[0])


def main():
    options = argparse.ArgumentParser()
    options.add_argument("port")
    options.add_argument("clip")
    options.add_argument("--login")
    options.add_argument("--fault")
    options.add_argument("--also", action="append", default=[])
    options.add_argument("--only", choices=["tcp", "udp"])
    told = options.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer(address="127.0.0.1", service=told.port)
    factories = {"/cam": Camera(told.clip, told.fault)}
    factories |= {path: Camera(clip) for path, clip in (each.split("=") for each in told.also)}
    for path, factory in factories.items():
        if told.only:
            factory.set_protocols(
                {"tcp": GstRtsp.RTSPLowerTrans.TCP, "udp": GstRtsp.RTSPLowerTrans.UDP}[told.only]
            )
        if told.login:
            require_login(server, factory, told.login)
        server.get_mount_points().add_factory(path, factory)
    if not server.attach(None):
        sys.exit(f"port {told.port} is taken")
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
