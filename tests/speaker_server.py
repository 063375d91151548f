"""A real RTSP camera on loopback with a loudspeaker (ONVIF's audio backchannel), which writes down what it plays.

Run with the system's Python, which has Debian's GStreamer bindings:
python3 speaker_server.py PORT FOLDER OPTIONS, where OPTIONS is a JSON object:

law          PCMU or PCMA; null: it has no loudspeaker
clip         an Annex B stream that it shows (see rtsp_server.py); null: it gives silence alone
credentials  USER:PASSWORD, asked for by `digest`, or else by Basic
udp          it takes datagrams alone

The address is rtsp://127.0.0.1:PORT/cam; "ready" is printed when it listens. Each session that says something is
FOLDER/NUMBER.raw, 16-bit samples at 8 kHz; FOLDER/heard has a line for each of its pieces: Unix time, number, samples.
"""

import json
import sys
import time
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402
from rtsp_server import Camera as Silent  # noqa: E402
from rtsp_server import require_login  # noqa: E402

LAWS = {"PCMU": (0, "pcmu", "mulaw"), "PCMA": (8, "pcma", "alaw")}
SILENCE = "( audiotestsrc is-live=true wave=silence ! mulawenc ! rtppcmupay name=pay0 )"


class Camera(GstRtspServer.RTSPOnvifMediaFactory):
    def __init__(self, folder, law, clip):
        super().__init__()
        self.folder, self.silent, self.sessions = Path(folder), Silent(clip) if clip else None, 0
        self.set_media_gtype(GstRtspServer.RTSPOnvifMedia.__gtype__)
        usual = self.silent.get_launch() if self.silent else SILENCE
        # what nobody looks at goes somewhere, or GStreamer ends the session
        branched = usual.replace("! rtp", "! tee name=t ! queue ! rtp").removesuffix(")")
        self.set_launch(f"{branched} t. ! queue ! fakesink sync=true async=false )")
        if law:
            payload_type, name, decoder = LAWS[law]
            caps = f"application/x-rtp,media=audio,payload={payload_type},clock-rate=8000,encoding-name={law}"
            self.set_backchannel_launch(
                f'( capsfilter name=depay_backchannel caps="{caps}" ! rtp{name}depay ! {decoder}dec ! '
                "appsink name=speaker emit-signals=true sync=false async=false )"
            )
        self.connect("media-configure", self.on_configure)

    def on_configure(self, _factory, media):
        if self.silent:
            self.silent.on_configure(self, media)
        speaker = media.get_element().get_by_name("speaker")
        if speaker is not None:
            self.sessions += 1
            speaker.connect("new-sample", self.on_sample, self.sessions)

    def on_sample(self, speaker, number):
        data = speaker.emit("pull-sample").get_buffer()
        piece = data.extract_dup(0, data.get_size())
        with (self.folder / f"{number}.raw").open("ab") as sound:
            sound.write(piece)
        with (self.folder / "heard").open("a") as heard:
            heard.write(f"{time.time()} {number} {len(piece) // 2}\n")
        return Gst.FlowReturn.OK


def main(port, folder, options):
    Gst.init(None)
    chosen = json.loads(options)
    server = GstRtspServer.RTSPOnvifServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    camera = Camera(folder, chosen.get("law"), chosen.get("clip"))
    if chosen.get("udp"):
        camera.set_protocols(GstRtsp.RTSPLowerTrans.UDP)
    if chosen.get("credentials"):
        require_login(server, camera, chosen["credentials"], digest=chosen.get("digest", False))
    server.get_mount_points().add_factory("/cam", camera)
    if not server.attach(None):
        sys.exit(f"port {port} is taken")
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(*sys.argv[1:])
