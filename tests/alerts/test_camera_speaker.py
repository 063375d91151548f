"""A camera's own loudspeaker: against a real RTSP server that writes down what it hears, and one that misbehaves."""

import contextlib
import itertools
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
import wave

import av
import numpy as np
import pytest
from harness.cameras import Silence, free_port
from harness.speakers import RATE_HZ, SDP, ScriptedSpeaker, SpeakerCamera, likeness, rendered
from harness.waiting import until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maskwatch.alerts import g711
from maskwatch.alerts.kinds import camera_speaker
from maskwatch.alerts.kinds.camera_speaker import Settings, build
from maskwatch.alerts.registry import SinkContext
from maskwatch.alerts.rtsp_connection import Connection, number
from maskwatch.alerts.speech import Speech
from maskwatch.core.address import Address
from maskwatch.core.errors import AlertError, ConfigError
from maskwatch.core.records import Alert

SAY = "Please wear your mask."
SECOND = "Please wear a mask, or leave the building."
PACKET = 160


def alert(say=SAY):
    return Alert(camera="door", at=12.0, protected_ratio=0.25, people=4, unprotected=3, say=say)


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Sinks that try again at once."""
    monkeypatch.setattr(camera_speaker, "PAUSES_S", (0.05, 0.05))
    return lambda url, **changed: build(Settings(url=url, **changed), SinkContext(tmp_path / "cache"))


@pytest.fixture
def tone(tmp_path, monkeypatch):
    """In a sentence's place a tone of 440 Hz, 0.5 s, 16-bit at 22050 Hz."""
    path = tmp_path / "tone.wav"
    samples = np.round(12_000 * np.sin(2 * np.pi * 440 * np.arange(11_025) / 22_050)).astype("<i2")
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 22_050, 0, "NONE", ""))
        sound.writeframes(samples.tobytes())
    monkeypatch.setattr(Speech, "rendered", lambda *_: path)
    return np.sin(2 * np.pi * 440 * np.arange(RATE_HZ // 2) / RATE_HZ)


@pytest.fixture
def speaker():
    with ScriptedSpeaker() as speaker:
        yield speaker


def decoded(data, name="pcm_alaw"):
    """-1..1"""
    codec = av.CodecContext.create(name, "r")
    codec.sample_rate, codec.layout = RATE_HZ, "mono"
    return np.concatenate([f.to_ndarray()[0] for f in codec.decode(av.Packet(data))]) / 2**15


def why(sink, say=SAY):
    with pytest.raises(AlertError) as failed:
        sink.deliver(alert(say))
    assert str(failed.value).startswith("camera_speaker: ")
    assert "s3cret" not in f"{failed.value!r} {failed.value.__cause__!r} {failed.value.__context__!r}"
    return str(failed.value)


# ---- against a camera of GStreamer


@pytest.fixture
def camera(tmp_path):
    """Start cameras that end with the test."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed (the README's test command installs it)")
    cameras = []

    def start(**options):
        cameras.append(SpeakerCamera(tmp_path / f"camera {len(cameras)}", **options))
        cameras[-1].start()
        return cameras[-1]

    yield start
    for each in cameras:
        each.kill()


@pytest.mark.integration
@pytest.mark.parametrize(
    "options",
    [
        {"law": "PCMU"},
        {"law": "PCMA", "credentials": "door:s3cret", "digest": True},
        {"law": "PCMU", "credentials": "door:s3cret", "udp": True},
    ],
    ids=["mu-law", "a-law, digest", "basic, datagrams"],
)
def test_the_camera_says_the_sentence(camera, make, options):
    there = camera(**options)
    sink = make(there.url)
    assert f"has a speaker ({options['law']})" in sink.check([SAY], aloud=False)
    assert there.heard() == {}
    for _ in range(2):
        sink.deliver(alert())
    wanted = rendered(sink._speech.rendered(SAY))
    heard = there.heard()
    assert len(heard) == 2
    for times, sound in heard.values():
        assert likeness(sound, wanted) > 0.95
        assert len(sound) == pytest.approx(len(wanted) + 0.6 * RATE_HZ, abs=2 * PACKET)
        assert times[-1] - times[0] > len(wanted) / RATE_HZ  # as fast as it is spoken


@pytest.mark.integration
def test_a_camera_without_a_loudspeaker_or_with_another_password_says_so(camera, make):
    assert "the camera offers no speaker (no ONVIF audio backchannel)" in why(make(camera(law=None).url))
    there = camera(law="PCMU", credentials="door:another", digest=True)
    assert "refuses the user and password" in why(make(there.url.replace("another", "s3cret")))
    assert "asks for a user and a password" in why(make(there.url.replace("door:another@", "")))
    assert there.heard() == {}


@pytest.mark.integration
def test_of_two_sentences_at_one_camera_each_is_heard_whole(camera, make):
    there = camera(law="PCMA")
    loud, other = make(there.url), make(there.url, voice="en-us", words_per_minute=250)
    threads = [threading.Thread(target=loud.deliver, args=[alert()]) for _ in range(2)]
    threads.append(threading.Thread(target=other.deliver, args=[alert(SECOND)]))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    heard = sorted(there.heard().values(), key=lambda one: one[0][0])
    assert len(heard) == 3
    for (before, _), (after, _) in itertools.pairwise(heard):
        assert before[-1] < after[0]
    sentences = [rendered(loud._speech.rendered(SAY)), rendered(other._speech.rendered(SECOND))]
    likest = [max(likeness(sound, each) for each in sentences) for _, sound in heard]
    assert min(likest) > 0.95


@pytest.mark.integration
def test_a_camera_that_dies_in_the_middle_is_an_error_and_speaks_when_it_is_back(camera, make):
    there = camera(law="PCMU")
    sink = make(there.url)
    sink.probe([SAY])
    failed = []

    def deliver():
        failed.append(why(sink))

    thread = threading.Thread(target=deliver)
    thread.start()
    until(there.heard)
    there.kill()
    thread.join(30)
    assert len(failed) == 1
    with pytest.raises(AlertError):
        sink.probe([SAY])
    there.start()
    sink.probe([SAY])
    before = len(there.heard())
    sink.deliver(alert())
    assert likeness(list(there.heard().values())[-1][1], rendered(sink._speech.rendered(SAY))) > 0.95
    assert before <= 1


# ---- against one that says what it is told to


def test_packets_are_those_of_rtp_and_hold_the_sound(speaker, make, tone):
    make(speaker.url).deliver(alert())
    (packets,) = speaker.sessions
    heads = [struct.unpack(">BBHII", packet[:12]) for _, packet in packets]
    assert {channel for channel, _ in packets} == {0}
    assert {len(packet) for _, packet in packets} == {12 + PACKET}
    assert {first for first, *_ in heads} == {0x80}
    assert [second for _, second, *_ in heads] == [0x80 | 8] + [8] * (len(heads) - 1)
    for before, after in itertools.pairwise(heads):
        assert (after[2] - before[2]) % 2**16 == 1
        assert (after[3] - before[3]) % 2**32 == PACKET
    assert len({source for *_, source in heads}) == 1
    sound = decoded(b"".join(packet[12:] for _, packet in packets))
    assert likeness(sound, tone) > 0.99
    assert len(sound) / RATE_HZ == pytest.approx(0.1 + 0.5 + 0.5, abs=0.03)
    assert np.abs(sound[:700]).max() < 0.01 > np.abs(sound[-3900:]).max()


def test_each_request_asks_for_the_backchannel_and_names_its_session(speaker, make, tone):
    make(speaker.url).deliver(alert())
    assert [request.split()[0] for request in speaker.requests] == ["DESCRIBE", "SETUP", "PLAY", "TEARDOWN"]
    for place, request in enumerate(speaker.requests, 1):
        assert "Require: www.onvif.org/ver20/backchannel" in request
        assert f"CSeq: {place}\r\n" in f"{request}\r\n"
        assert ("Session: a1" in request) == (place > 2)
        assert "door" not in request
    where = f"rtsp://127.0.0.1:{speaker.port}/cam/"
    urls = [request.split()[1] for request in speaker.requests]
    assert urls == [where[:-1], f"{where}trackID=5", where, where]


def test_sound_is_sent_no_faster_than_it_is_heard(speaker, make, tone):
    started_s = time.monotonic()
    make(speaker.url).deliver(alert())
    assert time.monotonic() - started_s >= 1.1


@pytest.mark.parametrize(
    ("challenges", "name"),
    [
        (('Basic realm="c"',), "Basic"),
        (('Basic realm="c"', 'Digest realm="c", nonce="n"'), 'Digest username="door"'),
        (
            ('Digest realm="c", nonce="n"', 'Digest realm="c", nonce="n", algorithm=SHA-256'),
            "algorithm=SHA-256",
        ),
        (('Digest realm="c", nonce="n", qop="auth-int, auth"',), "qop=auth"),
    ],
)
def test_the_best_login_that_is_asked_for_is_given(speaker, make, tone, challenges, name):
    class Several(dict):
        def items(self):
            return [("WWW-Authenticate", each) for each in challenges]

    speaker.answers["DESCRIBE"] = [(401, Several())]
    assert "PCMA" in make(speaker.url).check([SAY], aloud=False)
    assert "Authorization" not in speaker.requests[0]
    assert name in speaker.requests[1].partition("Authorization: ")[2]
    assert "s3cret" not in speaker.requests[1]


def test_a_nonce_that_is_too_old_in_the_middle_is_exchanged(speaker, make, tone):
    first, second = ({"WWW-Authenticate": f'Digest realm="c", nonce="{name}"'} for name in ("one", "two"))
    speaker.answers |= {"DESCRIBE": [(401, first)], "SETUP": [(401, second)]}
    make(speaker.url).deliver(alert())
    methods = [request.split()[0] for request in speaker.requests]
    assert methods == ["DESCRIBE", "DESCRIBE", "SETUP", "SETUP", "PLAY", "TEARDOWN"]
    assert 'nonce="two"' in speaker.requests[-1]


@pytest.mark.parametrize(
    ("challenge", "said"),
    [
        ({"WWW-Authenticate": 'Digest realm="c", nonce="n"'}, "refuses the user and password"),
        ({"WWW-Authenticate": 'Digest realm="c", nonce="n", algorithm=SHA-9'}, "neither Digest nor Basic"),
        ({"WWW-Authenticate": "Negotiate"}, "neither Digest nor Basic"),
        ({}, "neither Digest nor Basic"),
    ],
)
def test_a_refused_login_is_not_tried_again(speaker, make, tone, challenge, said):
    speaker.answers["DESCRIBE"] = [(401, challenge)] * 9
    assert said in why(make(speaker.url))
    assert len(speaker.requests) <= 2


@pytest.mark.parametrize(
    ("sdp", "said"),
    [
        (SDP.replace("a=sendonly", "a=recvonly"), "offers no speaker"),
        ("", "offers no speaker"),
        ("rubbish\nm=audio\na=sendonly\nm=\n", "takes no encoding that is known, and not G.711"),
        (SDP.replace("PCMA/8000", "MPEG4-GENERIC/16000/1"), "takes MPEG4-GENERIC/16000, and not G.711"),
        (SDP.replace("PCMA/8000", "PCMA/16000"), "takes PCMA/16000, and not G.711"),
    ],
)
def test_what_cannot_be_spoken_through_says_so(speaker, make, tone, sdp, said):
    speaker.sdp = sdp
    assert said in why(make(speaker.url))
    assert len(speaker.requests) == 1


@pytest.mark.parametrize(
    ("lines", "codec", "payload_type"),
    [
        ("m=audio 0 RTP/AVP 0\na=sendonly", "pcm_mulaw", 0),
        ("m=audio 0 RTP/AVP 97 8\na=rtpmap:97 AAC/8000\na=sendonly", "pcm_alaw", 8),
        ("m=audio 0 RTP/AVP 98\na=rtpmap:98 pcmu/8000/1\na=sendonly", "pcm_mulaw", 98),
    ],
)
def test_g711_is_found_among_what_is_offered(speaker, make, tone, lines, codec, payload_type):
    speaker.sdp = f"v=0\n{lines}\na=control:rtsp://127.0.0.1/whole?a=b\n"
    make(speaker.url).deliver(alert())
    (packets,) = speaker.sessions
    assert {packet[1] & 127 for _, packet in packets} == {payload_type}
    assert likeness(decoded(b"".join(packet[12:] for _, packet in packets), codec), tone) > 0.99
    assert speaker.requests[1].startswith("SETUP rtsp://127.0.0.1/whole?a=b RTSP/1.0")


def test_a_speaker_that_is_busy_is_asked_again_a_while(speaker, make, tone):
    speaker.answers["SETUP"] = [(453, {}), (503, {})]
    make(speaker.url).deliver(alert())
    assert len(speaker.sessions) == 1
    speaker.answers["SETUP"] = [(453, {})] * 9
    assert "the speaker is busy (453)" in why(make(speaker.url))


@pytest.mark.parametrize(
    ("method", "status", "said"),
    [
        ("DESCRIBE", 551, "offers no speaker"),
        ("DESCRIBE", 404, "answers DESCRIBE with the status 404"),
        ("SETUP", 403, "this user may not use the speaker (403)"),
        ("SETUP", 500, "answers SETUP with the status 500"),
        ("SETUP", 461, "does not say where to send the sound (server_port)"),
        ("PLAY", 400, "answers PLAY with the status 400"),
    ],
)
def test_what_the_camera_refuses_is_told(speaker, make, tone, method, status, said):
    speaker.answers[method] = [(status, {})] * (1 if status == 461 else 9)
    assert said in why(make(speaker.url))


@pytest.mark.parametrize(
    "transport", ["RTP/AVP/TCP;interleaved=999-1000", "RTP/AVP/TCP;interleaved=x", "RTP/AVP/TCP"]
)
def test_a_transport_that_says_no_channel_is_an_error(speaker, make, tone, transport):
    speaker.answers["SETUP"] = [(200, {"Transport": transport})]
    assert "does not say where to send the sound (interleaved)" in why(make(speaker.url))


def test_the_channel_is_the_one_that_the_camera_chose(speaker, make, tone):
    speaker.answers["SETUP"] = [(200, {"Transport": "RTP/AVP/TCP;unicast;interleaved=4-5;ssrc=1"})]
    make(speaker.url).deliver(alert())
    assert {channel for channel, _ in speaker.sessions[0]} == {4}


def test_who_takes_the_packets_and_does_not_answer_the_farewell_is_not_believed(make, tone, monkeypatch):
    usual = ScriptedSpeaker._answer
    farewell = []

    def answer(self, connection, request):
        if not request.startswith("TEARDOWN"):
            return usual(self, connection, request)
        return farewell[0](connection)

    monkeypatch.setattr(ScriptedSpeaker, "_answer", answer)
    with ScriptedSpeaker() as speaker:
        farewell[:] = [lambda _: None]
        assert "no answer in time (0.4 s)" in why(make(speaker.url, timeout_s=0.4))
        farewell[:] = [lambda connection: connection.shutdown(socket.SHUT_RDWR)]
        make(speaker.url).deliver(alert())
    assert len(speaker.sessions) == 2


def test_a_sentence_that_broke_off_is_said_again(make, tone):
    with ScriptedSpeaker(hangs_up_after=20) as speaker:
        assert "closed the connection" in why(make(speaker.url)) or "reset" in why(make(speaker.url))
        assert len(speaker.sessions) >= 3
        speaker.hangs_up_after = None
        make(speaker.url).deliver(alert())


def test_one_that_is_silent_or_no_camera_is_given_up_in_time(make, tone):
    silence = Silence(port := free_port())
    started_s = time.monotonic()
    assert "no answer in time (0.3 s)" in why(make(f"rtsp://door:s3cret@127.0.0.1:{port}/cam", timeout_s=0.3))
    assert time.monotonic() - started_s < 10
    silence.close()
    assert "Connection refused" in why(make(f"rtsp://door:s3cret@127.0.0.1:{port}/cam"))
    with ScriptedSpeaker(says=b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") as web:
        assert "answers, but not with RTSP" in why(make(web.url))
    with ScriptedSpeaker(says=b"x" * 1_000_000) as endless:
        assert "answers, but not with RTSP" in why(make(endless.url))


def test_what_the_camera_sends_meanwhile_is_skipped(speaker, make, tone):
    packet = b"$\x00\x00\x08\x80\x00\x0d\x0a\x0d\x0a\x0d\x0a"
    question = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"
    sent = ScriptedSpeaker._answer

    def answer(self, connection, request):
        connection.sendall(packet + b"\r\n" + question)
        sent(self, connection, request)
        connection.sendall(packet * 3 + packet[:5])
        time.sleep(0.02)
        connection.sendall(packet[5:])

    speaker._answer = answer.__get__(speaker)
    make(speaker.url).deliver(alert())
    assert len(speaker.sessions[0]) > 50


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), (" 99 ", 99), ("100", None), ("-1", None), ("٣", None), ("", None), ("9" * 5000, None)],
)
def test_a_number_is_one_only_if_it_may_be(text, value):
    assert number(text, 99) == value


PIECES = [
    "\r\n",
    "\r\n\r\n",
    "RTSP/1.0 200 OK",
    "RTSP/1.0 401 no",
    "OPTIONS * RTSP/1.0",
    "Content-Length: ",
    "-1",
    "9",
    "٣",
    "ÿ",
    "\x00",
    "$",
    ";",
    ",",
    "=",
    '"',
    "WWW-Authenticate: Digest ",
    "realm=",
    "nonce=",
    "Session:",
    "Transport: ",
    "interleaved=",
    "m=audio 0 RTP/AVP ",
    "a=sendonly",
    "a=rtpmap:",
]


@given(
    says=st.lists(st.sampled_from([*PIECES, "9" * 5000]), max_size=14),
    places=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 60), st.sampled_from(PIECES)), max_size=4),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rubbish_is_an_error_of_the_alert_and_nothing_worse(make, tone, says, places):
    def changed(answer):
        for share, length, piece in places:
            place = round(share * len(answer))
            answer = answer[:place] + piece.encode() + answer[place + length :]
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "wait", lambda *_: None)
        with ScriptedSpeaker(says="".join(says).encode()) as rubbish:
            why(make(rubbish.url, timeout_s=0.03))
        with ScriptedSpeaker(change=changed) as damaged, contextlib.suppress(AlertError):
            make(damaged.url, timeout_s=0.03).deliver(alert())


@pytest.mark.parametrize("says", [b"x" * 1_000_000, (b"$\x00\x03\xfc" + bytes(1020)) * 800])
def test_a_flood_is_skipped_or_refused_while_the_sound_is_sent(make, tone, says, monkeypatch):
    usual = ScriptedSpeaker._answer

    def answer(self, connection, request):
        usual(self, connection, request)
        if request.startswith("PLAY"):
            connection.sendall(says)

    monkeypatch.setattr(ScriptedSpeaker, "_answer", answer)
    with ScriptedSpeaker() as speaker:
        if says[:1] == b"$":
            make(speaker.url).deliver(alert())
        else:
            assert "answers, but not with RTSP" in why(make(speaker.url))


def test_it_ends_in_the_middle_when_the_service_stops(speaker, make, tone):
    sink = make(speaker.url)
    thread = threading.Thread(target=sink.deliver, args=[alert()])
    thread.start()
    until(lambda: speaker.sessions and len(speaker.sessions[0]) > 3)
    sink.close()
    thread.join(10)
    assert not thread.is_alive()
    assert len(speaker.sessions[0]) < 50
    assert speaker.requests[-1].startswith("TEARDOWN")


def test_a_trial_says_each_sentence_and_without_one_nothing_is_heard(speaker, make, tone):
    sink = make(speaker.url)
    told = sink.check([SAY, SECOND], aloud=False)
    assert told.startswith(f"rtsp://127.0.0.1:{speaker.port}/cam has a speaker (PCMA)")
    assert speaker.sessions == []
    assert sink.check([SAY, SECOND], aloud=True) == f"spoken: {SAY} {SECOND}"
    assert len(speaker.sessions) == 2


def test_a_certificate_is_verified(make, tone, tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", key, "-out", cert], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with ScriptedSpeaker(context=context) as speaker:
        assert "its certificate is not trusted" in why(make(speaker.url))
        make(speaker.url, ca=cert).deliver(alert())
        make(speaker.url, verify=False).deliver(alert())
        assert len(speaker.sessions) == 2
        assert likeness(decoded(b"".join(packet[12:] for _, packet in speaker.sessions[0])), tone) > 0.99


def test_a_sound_of_any_rate_becomes_g711(tmp_path):
    path = tmp_path / "sound.wav"
    for rate, channels in [(8000, 1), (44_100, 2), (16_000, 1)]:
        wanted = np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
        with wave.open(str(path), "wb") as sound:
            sound.setparams((channels, 2, rate, 0, "NONE", ""))
            sound.writeframes(np.repeat((12_000 * wanted).astype("<i2"), channels).tobytes())
        for law, codec in [(g711.Law.PCMU, "pcm_mulaw"), (g711.Law.PCMA, "pcm_alaw")]:
            data = g711.encoded("x", path, law)
            assert len(data) == pytest.approx(RATE_HZ, abs=20)
            assert likeness(decoded(data, codec), np.sin(2 * np.pi * 440 * np.arange(7000) / RATE_HZ)) > 0.99
            assert np.abs(decoded(law.silence * 100, codec)).max() < 0.001
    path.write_bytes(b"RIFF")
    with pytest.raises(AlertError, match=r"x: .*sound\.wav: is no sound"):
        g711.encoded("x", path, g711.Law.PCMU)


# ---- its settings


def test_it_speaks_through_the_camera_unless_another_is_named():
    own = Settings(url="rtsp://192.0.2.9/horn")
    assert own.at_camera(Address("rtsp://a:b@192.0.2.1/cam")) is own
    assert Settings().at_camera(None).url is None
    filled = Settings(volume=0.5).at_camera(Address("rtsp://a:b@192.0.2.1/cam"))
    assert filled.url.get_secret_value() == "rtsp://a:b@192.0.2.1/cam"
    assert filled.volume == 0.5
    assert "a:b" not in f"{filled!r} {filled}"


@pytest.mark.parametrize("address", [None, Address("usb:0"), Address("door.mp4")])
def test_a_camera_without_an_address_of_rtsp_needs_one(tmp_path, address):
    with pytest.raises(ConfigError, match=f"camera_speaker: {address or 'the camera'} .*name the speaker's"):
        build(Settings().at_camera(address), SinkContext(tmp_path))


def test_a_file_of_certificates_that_is_none_is_a_problem_of_the_configuration(tmp_path):
    (tmp_path / "ca.pem").write_text("none")
    for name in ("ca.pem", "not there"):
        with pytest.raises(ConfigError, match=rf"camera_speaker: .*{name}"):
            build(Settings(url="rtsps://h/s", ca=tmp_path / name), SinkContext(tmp_path))


def test_connecting_to_a_name_that_nobody_knows_is_an_error(make, tone):
    assert "camera_speaker: rtsp://no-such-camera.invalid/cam: " in why(
        make("rtsp://door:s3cret@no-such-camera.invalid/cam")
    )


def test_a_closed_connection_can_be_closed_again(speaker):
    connection = Connection("x", speaker.url, 1, None)
    connection.close()
    connection.close()
