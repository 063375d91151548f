"""A real RTSP camera on loopback with a loudspeaker (ONVIF's audio backchannel), which writes down what it plays.

Run with the system's Python, which has Debian's GStreamer bindings:
python3 speaker_server.py PORT FOLDER OPTIONS, where OPTIONS is a JSON object:

law        PCMU, PCMA; null: there is no loudspeaker
clip       an Annex B stream (see rtsp_server.py) that it shows; null: it gives silence alone
user, password, digest (null, md5 or sha256)
transport  tcp, udp
cert       a file with certificate and key: speak TLS

The address is rtsp://127.0.0.1:PORT/cam; "ready" is printed when it listens. Each sentence is FOLDER/NUMBER.raw, 16-bit
samples at 8 kHz; FOLDER/heard has a line for each of its pieces: Unix time, number of the sentence, samples.
"""

import json
import sys
import time
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtspServer  # noqa: E402
from rtsp_server import Camera, require_login  # noqa: E402

LAWS = {"PCMU": (0, "pcmu", "mulaw"), "PCMA": (8, "pcma", "alaw")}


class Speaker(GstRtspServer.RTSPOnvifMediaFactory):
    def __init__(self, folder, law):
        super().__init__()
        self.folder, self.sentences = Path(folder), 0
        self.set_media_gtype(GstRtspServer.RTSPOnvifMedia.__gtype__)
        self.set_launch("( audiotestsrc is-live=true wave=silence ! mulawenc ! rtppcmupay name=pay0 )")
        if law:
            payload_type, name, decoder = LAWS[law]
            caps = f"application/x-rtp,media=audio,payload={payload_type},clock-rate=8000,encoding-name={law}"
            self.set_backchannel_launch(
                f'( capsfilter name=depay_backchannel caps="{caps}" ! rtp{name}depay ! {decoder}dec ! '
                "appsink name=speaker emit-signals=true sync=false async=false )"
            )
        self.connect("media-configure", self.on_configure)

    def on_configure(self, _factory, media):
        self.sentences += 1
        number = self.sentences

        def on_sample(sink):
            data = sink.emit("pull-sample").get_buffer()
            piece = data.extract_dup(0, data.get_size())
            with (self.folder / f"{number}.raw").open("ab") as sound:
                sound.write(piece)
            with (self.folder / "heard").open("a") as heard:
                heard.write(f"{time.time()} {number} {len(piece) // 2}\n")
            return Gst.FlowReturn.OK

        speaker = media.get_element().get_by_name("speaker")
        if speaker is not None:
            speaker.connect("new-sample", on_sample)


def main(port, folder, options):
    Gst.init(None)
    chosen = json.loads(options)
    server = GstRtspServer.RTSPOnvifServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = Speaker(folder, chosen.get("law"))
    server.get_mount_points().add_factory("/cam", factory)
    if not server.attach(None):
        sys.exit(f"port {port} is taken")
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(*sys.argv[1:])
