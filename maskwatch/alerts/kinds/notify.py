"""An alert as a message to people: mail, Telegram, Slack, ntfy and whatever else Apprise knows, each by an address."""

import base64
import json
import logging
import re
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from maskwatch.alerts.message import iso, state
from maskwatch.alerts.outbox import Outbox, SendError
from maskwatch.alerts.outbox_settings import OutboxSettings
from maskwatch.alerts.picture import jpeg
from maskwatch.alerts.registry import SinkContext
from maskwatch.core.errors import MALFORMED, AlertError, AlertKept, ConfigError
from maskwatch.core.records import Alert
from maskwatch.core.text import pluralize
from maskwatch.plugins import KindSettings

CLOSE_S = 0.5
Template = Annotated[str, Field(min_length=1, max_length=1000)]
Url = Annotated[SecretStr, Field(min_length=1, max_length=2000)]


def _different(urls: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if len({url.get_secret_value() for url in urls}) < len(urls):
        raise ValueError("must not hold the same address twice")
    return urls


class Settings(OutboxSettings, KindSettings):
    """`kind: notify`: Apprise's `urls`, each a service with its password.

    In `title` and `body`, `{camera}`, `{rule}`, `{say}`, `{people}`, `{unprotected}`, `{level}` and `{at}` stand for
    those of the alert. `ended_body` tells that it is over; None: nobody is told. `picture` attaches the frame where the
    service takes one.
    """

    kind: Literal["notify"] = "notify"
    urls: Annotated[tuple[Url, ...], Field(min_length=1, max_length=20), AfterValidator(_different)]
    title: Template = "{camera}"
    body: Template = "{say}"
    ended_body: Template | None = None
    picture: bool = False


class NotifySink:
    """A queue on disk, and so retries, for each of the addresses. None of these is ever shown."""

    name = "notify"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._outboxes = []
        for number, url in enumerate(settings.urls, 1):
            whole = url.get_secret_value()
            service = whole.partition("://")[0]
            where = f"{self.name}: {service}" + (
                f" ({number} of {len(settings.urls)})" if settings.urls[1:] else ""
            )
            send = _Service(where, whole).send
            self._outboxes.append(Outbox(where, settings.folder(self.name, whole), settings.limits, send))

    def deliver(self, alert: Alert) -> None:
        self._tell(alert, self._settings.body)

    def ended(self, alert: Alert) -> None:
        if self._settings.ended_body is not None:
            self._tell(alert, self._settings.ended_body)

    def _tell(self, alert: Alert, body: str) -> None:
        picture = jpeg(alert, boxes=True) if self._settings.picture else None
        content = {
            "camera": alert.camera,  # for `maskwatch erase`
            "title": _filled(self._settings.title, alert),
            "body": _filled(body, alert),
            "picture": None if picture is None else base64.b64encode(picture).decode(),
        }
        data = json.dumps(content).encode()
        problems: list[AlertError] = []
        kept = []
        for outbox in self._outboxes:
            try:
                kept.append((outbox, outbox.add(f"{alert.id}-{state(alert)}", data)))
            except AlertError as e:
                problems.append(e)
        for outbox, path in kept:
            try:
                outbox.wait(path)
            except AlertError as e:
                problems.append(e)
        if problems:
            # what one address took, or keeps, is no reason to give the alert again
            lost = len(problems) == len(self._outboxes) and not any(
                isinstance(e, AlertKept) for e in problems
            )
            raise (AlertError if lost else AlertKept)("; ".join(map(str, problems)))

    def probe(self, sentences: Sequence[str]) -> None:  # noqa: ARG002 - nothing is sent for a trial
        """Start sending the outboxes. Raises `AlertKept` with their last problems; empty ones are not tried."""
        problems = []
        for outbox in self._outboxes:
            outbox.start()
            if outbox.is_empty:
                outbox.forget_problem()
            elif outbox.problem is not None:
                problems.append(outbox.problem)
        if problems:
            raise AlertKept("; ".join(problems))

    def check(self, sentences: Sequence[str], *, aloud: bool) -> str:
        """Whether Apprise knows the addresses, which `build` has found out; `aloud`, send a trial."""
        count = len(self._settings.urls)
        if not aloud:
            return f"{pluralize(count, 'target')}, not tried (--speak sends a trial)"
        data = json.dumps({"title": "maskwatch", "body": " ".join(sentences), "picture": None}).encode()
        for url in self._settings.urls:
            whole = url.get_secret_value()
            _Service(f"{self.name}: {whole.partition('://')[0]}", whole).send("trial", data)
        return f"sent a trial to {pluralize(count, 'target')}"

    def close(self) -> None:
        """The threads end; what waits stays on disk."""
        for outbox in self._outboxes:
            outbox.close(CLOSE_S / len(self._outboxes))


class _Service:
    """One address. `where` begins every error."""

    def __init__(self, where: str, url: str) -> None:
        self._where = where
        self._url = url

    def _content(self, data: bytes) -> tuple[str, str, bytes | None]:
        """Title, body and picture of a message. One that a bad disk or an editor has spoiled would hold up all behind it."""
        try:
            content = json.loads(data)
            picture = content["picture"]
            return (
                str(content["title"]),
                str(content["body"]),
                None if picture is None else base64.b64decode(picture),
            )
        except MALFORMED as e:
            raise SendError(f"{self._where}: what was kept on disk is damaged", again=False) from e

    def send(self, _: str, data: bytes) -> None:
        """One attempt. Raises `SendError`, without a word of what Apprise says, but for the HTTP status."""
        import apprise
        from apprise.attachment.memory import AttachMemory

        title, body, picture = self._content(data)
        plugin = apprise.Apprise.instantiate(self._url)
        if plugin is None:
            raise SendError(f"{self._where}: Apprise cannot use this address", again=False)
        statuses = _Statuses()
        plugin.logger = logging.Logger("apprise")  # noqa: LOG001 - one that nobody else hears
        plugin.logger.addHandler(statuses)
        service = apprise.Apprise()
        service.add(plugin)
        attach = None
        if picture is not None:
            attach = AttachMemory(content=picture, name="alert.jpg", mimetype="image/jpeg")  # type: ignore[no-untyped-call]
        taken = service.notify(
            body=body,
            title=title,
            notify_type=apprise.NotifyType.WARNING,
            body_format=apprise.NotifyFormat.TEXT,
            attach=attach,
        )
        if not taken:
            status = f" (HTTP {statuses.last})" if statuses.last else ""
            raise SendError(f"{self._where}: did not take the message{status}")


class _Statuses(logging.Handler):
    """Keeps the last HTTP status of all that Apprise says, whose words may hold an address."""

    last: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if found := re.search(r"error[ =](\d{3})\b", record.getMessage()):
            self.last = found[1]


def _is_heard(_: logging.LogRecord) -> bool:
    """What Apprise logs, none of it: it may say an address."""
    return False


def build(settings: Settings, _: SinkContext) -> NotifySink:
    """The sink; nothing is opened yet. Raises `ConfigError` without Apprise, or when it does not know an address."""
    if find_spec("apprise") is None:
        raise ConfigError("alert sink notify: Apprise is not installed (it comes with maskwatch[notify])")
    import apprise

    logging.getLogger("apprise").addFilter(_is_heard)
    for place, url in enumerate(settings.urls):
        if apprise.Apprise.instantiate(url.get_secret_value()) is None:
            raise ConfigError(f"alert sink notify: urls.{place}: Apprise knows no such address")
    return NotifySink(settings)


def _filled(template: str, alert: Alert) -> str:
    values = {
        "camera": alert.camera,
        "rule": alert.rule,
        "say": alert.say,
        "people": alert.people,
        "unprotected": alert.unprotected,
        "level": alert.level,
        "at": iso(alert.at if alert.ended_at is None else alert.ended_at),
    }
    return re.sub(r"\{(\w+)\}", lambda found: str(values.get(found[1], found[0])), template)
