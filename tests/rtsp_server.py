"""A real RTSP camera on loopback that plays an H.264 or H.265 clip in a loop.

Run with the system's Python, which has Debian's GStreamer bindings:
python3 rtsp_server.py PORT CLIP.h264|CLIP.h265 [USER:PASSWORD]

The clip is an Annex B stream in which every frame starts with an access unit delimiter, without B-frames.
The address is rtsp://127.0.0.1:PORT/cam; "ready" is printed when it listens.
"""

import itertools
import sys
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

DELIMITERS = {"h264": b"\x00\x00\x00\x01\x09", "h265": b"\x00\x00\x00\x01\x46"}
FRAME_NS = Gst.SECOND // 25


class Camera(GstRtspServer.RTSPMediaFactory):
    def __init__(self, clip):
        super().__init__()
        self.clip = Clip(clip)
        self.set_shared(True)
        self.set_launch(f"( {self.clip.source} ! {self.clip.payloader} )")
        self.connect("media-configure", lambda _factory, media: self.clip.supply(media))


class Clip:
    """What a camera shows: its frames, and the elements that they go through."""

    def __init__(self, path):
        codec = Path(path).suffix[1:]
        delimiter = DELIMITERS[codec]
        self.frames = [delimiter + piece for piece in Path(path).read_bytes().split(delimiter)[1:]]
        self.source = (
            "appsrc name=src format=time is-live=false "
            f"caps=video/x-{codec},stream-format=byte-stream,alignment=au,framerate=25/1 ! {codec}parse"
        )
        self.payloader = f"rtp{codec}pay name=pay0 pt=96 config-interval=0"

    def supply(self, media):
        """Give the frames, over and over, to who looks."""
        supply = zip(itertools.count(), itertools.cycle(self.frames), strict=False)

        def on_need_data(source, _length):
            number, data = next(supply)
            buffer = Gst.Buffer.new_wrapped(data)
            buffer.pts = buffer.dts = number * FRAME_NS
            buffer.duration = FRAME_NS
            source.emit("push-buffer", buffer)

        media.get_element().get_by_name("src").connect("need-data", on_need_data)


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


def main(port, clip, credentials=None):
    Gst.init(None)
    server = GstRtspServer.RTSPServer(address="127.0.0.1", service=port)
    factory = Camera(clip)
    if credentials:
        require_login(server, factory, credentials)
    server.get_mount_points().add_factory("/cam", factory)
    if not server.attach(None):
        sys.exit(f"port {port} is taken")
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(*sys.argv[1:])
