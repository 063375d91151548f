"""An alert as a spoken sentence from the camera's own loudspeaker, over RTSP; no cable and no sound card is needed here."""

import ssl
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from maskwatch.alerts.backchannel import Backchannel
from maskwatch.alerts.g711 import encoded
from maskwatch.alerts.registry import SinkContext
from maskwatch.alerts.rtsp_connection import SpeakerError
from maskwatch.alerts.speech import Speech, SpeechSettings
from maskwatch.core.address import Address
from maskwatch.core.errors import AlertError, ConfigError
from maskwatch.core.records import Alert
from maskwatch.platform.paths import InputPath

PAUSES_S = (0.5, 1.0)  # before it is tried again
TURN_S = 60.0  # so long one sentence waits for another at the same camera


def _is_rtsp(url: str) -> bool:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"rtsp", "rtsps"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, say
        return False
    return sound and not any(character.isspace() for character in url)


def _as_url(url: SecretStr) -> SecretStr:
    if not _is_rtsp(url.get_secret_value()):
        raise ValueError(
            "must be rtsp://HOST/… or rtsps://HOST/…; in a password / ? # @ : are written %2F %3F %23 %40 %3A"
        )
    return url


class Settings(SpeechSettings):
    """`kind: camera_speaker`: how the sentence is spoken, and through which camera.

    `url` is None for the camera that the alert is of. `timeout_s` bounds each answer of the camera. Of rtsps://, `ca` is
    a file of certificates to trust in place of the machine's; without `verify` any certificate is taken.
    """

    kind: Literal["camera_speaker"] = "camera_speaker"
    url: Annotated[SecretStr, AfterValidator(_as_url)] | None = None
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5
    ca: InputPath | None = None
    verify: bool = True

    def at_camera(self, address: Address | None) -> "Settings":
        """With that camera's address, unless there is one."""
        if self.url is not None or address is None:
            return self
        return self.model_copy(update={"url": SecretStr(address.reveal())})


class CameraSpeakerSink:
    """Speaks `alert.say`; `folder` keeps the rendered sentences. `url` holds the password, which is shown nowhere."""

    name = "camera_speaker"
    audible = True

    def __init__(self, settings: Settings, url: str, folder: Path, context: ssl.SSLContext | None) -> None:
        self._settings = settings
        self._url = url
        self._context = context
        self._where = f"{self.name}: {Address(url)}"
        self._speech = Speech(self.name, folder, settings)
        self._stopped = threading.Event()

    def deliver(self, alert: Alert) -> None:
        self._say(alert.say)

    def probe(self, sentences: Sequence[str]) -> None:
        """Render the sentences, and ask the camera whether it has a loudspeaker; nobody hears that."""
        self._offered(sentences)

    def check(self, sentences: Sequence[str], *, aloud: bool) -> str:
        """The same; `aloud`, say the sentences."""
        law = self._offered(sentences)
        if aloud:
            for sentence in sentences:
                self._say(sentence)
            return f"spoken: {' '.join(sentences)}"
        return f"{Address(self._url)} has a speaker ({law}); rendered (--speak says it aloud): {' '.join(sentences)}"

    def close(self) -> None:
        """A sentence under way breaks off."""
        self._stopped.set()

    def _offered(self, sentences: Sequence[str]) -> str:
        for sentence in sentences:
            self._speech.rendered(sentence)
        with self._session() as session:
            return session.offer().law.name

    def _say(self, sentence: str) -> None:
        path = self._speech.rendered(sentence)
        turn = _turn(self._url)
        if not turn.acquire(timeout=TURN_S):
            raise AlertError(f"{self._where}: another sentence is still being said")
        try:
            for pause_s in (*PAUSES_S, None):
                try:
                    self._play(path)
                    break
                except SpeakerError as e:
                    if not e.again or pause_s is None or self._stopped.wait(pause_s):
                        raise
        finally:
            turn.release()

    def _play(self, path: Path) -> None:
        with self._session() as session:
            offer = session.offer()
            session.say(offer, encoded(self.name, path, offer.law), self._stopped)

    def _session(self) -> Backchannel:
        return Backchannel(self._where, self._url, self._settings.timeout_s, self._context)


@cache
def _turn(_url: str) -> threading.Lock:
    """One for each camera: of two sinks with different voices, one waits for the other."""
    return threading.Lock()


def build(settings: Settings, context: SinkContext) -> CameraSpeakerSink:
    """The sink, with its rendered sentences in `voice` below the cache, as the voice has them; nothing is opened yet.

    Raises `ConfigError` when neither the settings nor the camera has an address of RTSP, or `ca` holds no certificates.
    """
    url = "" if settings.url is None else settings.url.get_secret_value()
    if not _is_rtsp(url):
        what = f"{Address(url)} is no RTSP address" if url else "the camera has no address"
        raise ConfigError(f"camera_speaker: {what}; name the speaker's (url), or other sinks for this camera")
    tls = None
    if urlsplit(url).scheme == "rtsps":
        try:
            tls = ssl.create_default_context(cafile=settings.ca)
        except OSError as e:
            raise ConfigError(
                f"camera_speaker: {settings.ca}: {e.strerror or 'holds no certificates'}"
            ) from e
        if not settings.verify:
            tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    return CameraSpeakerSink(settings, url, context.cache / "voice", tls)
