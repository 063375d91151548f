"""The outputs of one clip: its report as JSON lines and Parquet, its events, and finally its summary."""

import importlib.util
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from maskwatch.core.events import Event
from maskwatch.core.privacy import Privacy
from maskwatch.core.records import Alert, Decision
from maskwatch.output.json_lines import ReportWriter, as_json
from maskwatch.pipeline.event_feed import alert_event, announcement_event, ended, passage_event
from maskwatch.platform.files import replacing

ROWS = 5000  # in memory, before they are written


def has_parquet() -> bool:
    """Whether pyarrow is installed."""
    return importlib.util.find_spec("pyarrow") is not None


class Reports:
    """A clip's report in a folder, as JSON lines and, with pyarrow, as Parquet; use it in a `with`."""

    def __init__(self, folder: Path, privacy: Privacy) -> None:
        self._folder = folder
        self._privacy = privacy
        self._parquet: ParquetWriter | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        part = self._open.enter_context(replacing(self._folder / "report.jsonl"))
        self._lines = self._open.enter_context(ReportWriter(part, self._privacy))
        if has_parquet():
            part = self._open.enter_context(replacing(self._folder / "report.parquet"))
            self._parquet = self._open.enter_context(ParquetWriter(part))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, *_: object) -> None:
        self._open.__exit__(kind, error, None)

    def write(self, decision: Decision) -> None:
        """Append a frame."""
        self._lines.write(decision)
        if self._parquet:
            self._parquet.write(as_json(decision, self._privacy))


class ParquetWriter:
    """Rows of a report as Parquet; use it in a `with`. Columns are the keys of a line, one that is a list or has keys is nested."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: list[dict[str, object]] = []

    def __enter__(self) -> Self:
        from pyarrow import parquet

        self._path.touch(mode=0o600)
        self._writer = parquet.ParquetWriter(self._path, _schema(), compression="zstd")
        return self

    def write(self, line: dict[str, object]) -> None:
        """Append a line of a report."""
        self._rows.append(line)
        if len(self._rows) == ROWS:
            self._flush()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        self._writer.write_table(pa.Table.from_pylist(self._rows, _schema()))
        self._rows = []


def _schema() -> Any:
    import pyarrow as pa

    text, number, whole, yes = pa.string(), pa.float64(), pa.int64(), pa.bool_()
    box = pa.list_(number)
    face = {"box": box, "score": number, "protected": number, "label": text}
    person = {"track": whole, "box": box, "label": text, "protected": number, "age_s": number, "face": whole}
    passage = {"at": number, "track": whole, "label": text, "direction": text, "line": text}
    zones = {"zones": pa.list_(text)}
    columns = {
        "camera": text,
        "source": text,
        "seq": whole,
        "at": number,
        "size": pa.list_(whole),
        "look": text,
    }
    columns |= {
        "models": _struct(pa, {"detector": text, "classifier": text}),
        "faces": pa.list_(_struct(pa, face)),
    }
    columns |= {
        "protected_ratio": number,
        "raw_ratio": number,
        "persons": pa.list_(_struct(pa, person | zones)),
    }
    columns |= {"people": _struct(pa, {"protected": whole, "unprotected": whole, "unknown": whole})}
    columns |= {
        "passages": pa.list_(_struct(pa, passage | zones)),
        "alert": yes,
        "queued": text,
        "withheld": yes,
    }
    return pa.schema(columns)


def _struct(pa: Any, fields: dict[str, Any]) -> Any:
    return pa.struct(list(fields.items()))


class ClipEvents:
    """The events of one clip, which began at Unix time `began`. Ids are the same in every run, so that no event is stored twice."""

    def __init__(self, clip: str, began: float, site: str) -> None:
        self._clip = clip
        self._began = began
        self._site = site
        self._alerts: dict[str, Event] = {}
        self._others: list[Event] = []

    def add(self, decision: Decision) -> None:
        """Add the events of a frame."""
        for alert in decision.alerts:
            event = alert_event(alert, self._began + alert.at)
            event = replace(event, data={**event.data, "delivered": False})  # nobody was there to be told
            self._alerts[alert.id] = event
        for passage in decision.passages:
            self._others.append(passage_event(passage, self._began + passage.at))
        for outcome in decision.outcomes:
            self._others.append(
                announcement_event(decision.report.camera, outcome, self._began + decision.report.at)
            )

    def end(self, over: Alert) -> None:
        """Note when an alert was over."""
        if over.id in self._alerts and over.ended_at is not None:
            self._alerts[over.id] = ended(self._alerts[over.id], self._began + over.ended_at)

    def all(self, last_at: float) -> Sequence[Event]:
        """All events with their ids; an alert still on at the clip's end, `last_at` seconds, ends there."""
        alerts = [
            event if event.ended_at is not None else ended(event, self._began + last_at, cut_off=True)
            for event in self._alerts.values()
        ]
        events = [*alerts, *self._others]
        return [replace(each, id=self._id(n, each), site=self._site) for n, each in enumerate(events)]

    def _id(self, number: int, event: Event) -> str:
        told = f"{self._clip}\n{number}\n{event.kind.value}\n{event.camera}\n{event.at:.6f}"
        return sha256(told.encode(errors="surrogateescape")).hexdigest()[:32]
