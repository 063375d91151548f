"""What cameras and brokers answer: RTSP, session descriptions, MQTT; what the service tells the console."""

import asyncio
import contextlib
import json
import socket
import struct
import threading

from fuzz.judging import SECRET
from fuzz.kinds.base import Kind
from fuzz.mutation import ESCAPE, as_json, mutated, spoiled

WAIT_S = 0.4  # for an answer
SPEAKER = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\na=control:*\r\nm=audio 0 RTP/AVP 0 8\r\na=sendonly\r\na=control:t1\r\na=rtpmap:8 PCMA/8000\r\n"
CAMERA = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=control:t0\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0IAHp2oUEmQ,aM48gA==\r\n"
RTSP_WORDS = [
    b"RTSP/1.0",
    b"Content-Length: 99999999",
    b"a=fmtp:96 ",
    b"WWW-Authenticate: Digest ",
    b"m=video",
    b"a=sendonly",
    b"$\0\xff\xff",
]


def rtsp(status, headers, body=""):
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"RTSP/1.0 {status} x{ESCAPE}\r\nCSeq: {{cseq}}\r\n{lines}{length}\r\n{body}"


def talk(description):
    """The answers that a camera gives, one after the other."""
    public = {"Public": "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"}
    digest = {"WWW-Authenticate": 'Digest realm="x", nonce="y", qop="auth", algorithm=MD5'}
    described = {"Content-Type": "application/sdp", "Content-Base": "rtsp://127.0.0.1/x/"}
    agreed = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1", "Session": "12345678;timeout=60"}
    return {
        "OPTIONS": [rtsp(200, public)],
        "DESCRIBE": [rtsp(401, digest), rtsp(200, described, description)],
        "SETUP": [rtsp(200, agreed)],
        "PLAY": [rtsp(200, {"Session": "12345678", "RTP-Info": "url=x;seq=1;rtptime=1"})],
        "TEARDOWN": [rtsp(200, {})],
    }


def packet(payload, number):
    rtp = struct.pack(">BBHII", 0x80, 0x80 | 96, number, number * 3000, 1) + payload
    return b"$\0" + struct.pack(">H", len(rtp)) + rtp


class Server:
    """Answers each connection by `answer(data)`, bytes or None to hang up, until it is closed."""

    def __init__(self, answer):
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            connection.settimeout(5)
            while data := connection.recv(65_536):
                answer = self._answer(data)
                if answer is None:
                    return
                connection.sendall(answer)

    def close(self):
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


class Cameras(Kind):
    """A camera whose answers are spoiled, asked for its pictures by FFmpeg, and for its loudspeaker by our own client."""

    names = ("127.0.0.1",)

    def make(self, number, random, folder):
        description = SPEAKER if number % 3 else CAMERA
        answers = talk(description)
        wrong = random.choice(["OPTIONS", "DESCRIBE", "DESCRIBE", "DESCRIBE", "SETUP", "PLAY"])
        place = random.randrange(len(answers[wrong]))
        said = {method: [each.encode().hex() for each in texts] for method, texts in answers.items()}
        if wrong == "DESCRIBE" and place == 1 and random.random() < 0.7:
            spoilt = mutated(description.encode(), random, RTSP_WORDS).decode("latin-1")
            said[wrong][place] = (
                rtsp(200, {"Content-Type": "application/sdp"}, spoilt).encode("latin-1").hex()
            )
        else:
            said[wrong][place] = mutated(bytes.fromhex(said[wrong][place]), random, RTSP_WORDS).hex()
        media = b"".join(packet(random.randbytes(random.choice((0, 1, 2, 40))), n) for n in range(20))
        path = folder / "camera.json"
        path.write_bytes(
            json.dumps(
                {"kind": "speaker" if number % 3 else "camera", "said": said, "media": media.hex()}
            ).encode()
        )
        return path

    def take(self, path):
        about = json.loads(path.read_bytes())
        asked = dict.fromkeys(about["said"], 0)

        def answer(data):
            method = data.split(b" ", 1)[0].decode("latin-1")
            if method not in asked:
                return b""
            known = about["said"][method]
            text = bytes.fromhex(known[min(asked[method], len(known) - 1)])
            asked[method] += 1
            cseq = next(
                (line[5:].strip() for line in data.split(b"\r\n") if line.lower().startswith(b"cseq:")), b"1"
            )
            media = bytes.fromhex(about["media"]) if method == "PLAY" and about["kind"] == "camera" else b""
            return text.replace(b"{cseq}", cseq) + media

        server = Server(answer)
        try:
            url = f"rtsp://door:{SECRET}@127.0.0.1:{server.port}/x"
            return self._speak(url) if about["kind"] == "speaker" else self._watch(url)
        finally:
            server.close()

    @staticmethod
    def _speak(url):
        from maskwatch.alerts.backchannel import Backchannel

        with Backchannel("camera_speaker: 127.0.0.1", url, WAIT_S, None) as session:
            session.say(session.offer(), b"\xd5" * 320, threading.Event())

    @staticmethod
    def _watch(url):
        from maskwatch.core.address import Address
        from maskwatch.sources.registry import open_source
        from maskwatch.sources.settings import RtspSettings

        settings = RtspSettings(open_s=WAIT_S, read_s=WAIT_S, stale_s=WAIT_S)
        source = open_source("door", Address(url), rtsp_settings=settings)
        for number, _ in enumerate(source.frames()):
            if number > 5:
                return


CONNACK, PUBACK = b"\x20\x02\x00\x00", b"\x40\x02\x00\x01"


class Brokers(Kind):
    """An MQTT broker whose answers are spoiled, and then right again: what is told then arrives."""

    names = ("mqtt",)

    def make(self, number, random, folder):
        words = [
            b"\x20",
            b"\x30\xff\xff\xff\x7f",
            b"\x40\x02",
            b"\x50",
            b"\x62",
            b"\x90",
            b"\xd0\x00",
            b"\xe0\x00",
            b"\xf0\x00",
        ]
        path = folder / "broker.bin"
        path.write_bytes(
            mutated(
                random.choice((CONNACK, CONNACK + PUBACK, CONNACK + b"\x30\x05\x00\x01ahi")), random, words
            )
        )
        return path

    def take(self, path):
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        from maskwatch.alerts.mqtt_connection import Connection
        from maskwatch.core.errors import AlertError

        wrong, crashed = [path.read_bytes()], []

        def answer(data):
            if wrong:
                return wrong.pop()
            packets = {0x10: CONNACK, 0x30: b"", 0xC0: b"\xd0\x00"}
            said = b"".join(packets.get(data[0] & 0xF0, b"") for _ in (0,))
            if data[0] & 0xF0 == 0x30:
                place = 4 + int.from_bytes(data[2:4], "big")
                said = b"\x40\x02" + data[place : place + 2]
            return said

        server = Server(answer)
        before, threading.excepthook = threading.excepthook, crashed.append
        client = Client(CallbackAPIVersion.VERSION2)
        connection = Connection("mqtt: 127.0.0.1", client, "127.0.0.1", server.port, None)
        client.reconnect_delay_set(1, 1)
        try:
            connection.start()
            connection._settled.wait(WAIT_S)
            with contextlib.suppress(AlertError):
                client.publish("a", "b", qos=1)
            assert not crashed, f"the thread that talks to the broker ended: {crashed[0].exc_value!r}"
            thread = client._thread
            thread.join(WAIT_S / 4)
            assert thread.is_alive(), "the thread that talks to the broker ended"
            assert not crashed, f"the thread that talks to the broker ended: {crashed[0].exc_value!r}"
        finally:
            server.close()
            connection.close()
            threading.excepthook = before


class Answers(Kind):
    """What the running service answers the console: each method gives what it is asked for, or an error of its own."""

    names = ("service", "")

    def __init__(self, folder, last):
        super().__init__(folder, last)
        import cv2
        import numpy as np

        from maskwatch.core.records import Box, Face, FrameReport, Label
        from maskwatch.core.report_json import to_json

        face = Face(Box(1, 2, 30, 40), 0.9, 0.8, Label.PROTECTED)
        self.report = to_json(FrameReport("door", "x", 1, 1.0, (64, 48), (face,), persons=()))
        self.status = {
            "cameras": {"door": {"state": "up", "reason": None}},
            "sinks": {},
            "notices": {},
            "config": {"a": 1},
        }
        self.jpeg = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes()
        self.documents = {
            "status": self.drawn(spoiled(self.status), 3, "status"),
            "minute": self.drawn(spoiled([self.report]), 3, "minute"),
            "frame": self.drawn(spoiled(self.report), 3, "frame"),
        }

    def make(self, number, random, folder):
        what = ("status", "minute", "frame")[number % 3]
        known = self.documents[what]
        data = as_json(known[number // 3 % len(known)])
        if what == "frame":
            jpeg = self.jpeg if random.random() < 0.5 else mutated(self.jpeg, random)
            length = len(data) if random.random() < 0.9 else random.choice((0, 2**32 - 1))
            data = length.to_bytes(4, "big") + data + jpeg
        if random.random() < 0.3:
            data = mutated(data, random)
        status = random.choice((200, 200, 200, 200, 404, 500, 302))
        path = folder / f"{what}-{status}.bin"
        path.write_bytes(data)
        return path

    def take(self, path):
        return asyncio.run(self._asked(path))

    async def _asked(self, path):
        import httpx

        from maskwatch.console.context import CameraView
        from maskwatch.console.live.pictures import annotated_jpeg, words_of
        from maskwatch.console.service_client import ServiceClient
        from maskwatch.console.texts import Texts

        what, status = path.stem.split("-")
        client = ServiceClient(self.folder / "service.sock")
        await client.close()
        answer = httpx.Response(int(status), content=path.read_bytes())
        client._client = httpx.AsyncClient(
            transport=httpx.MockTransport(lambda _: answer), base_url="http://service"
        )
        if what == "status":
            assert isinstance(await client.status(), dict)
        elif what == "minute":
            await client.minute("door")
        else:
            report, jpeg = await client.frame("door", 320)
            annotated_jpeg(jpeg, report, CameraView(), words_of(Texts("en")))
        await client.close()
