"""The camera's picture with its places, as an element of the page; `place_canvas.js` is its part in the browser."""

import base64
from collections.abc import Callable, Sequence
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from maskwatch.console.editor.draft import Draft, Place, PlaceKind
from maskwatch.console.texts import Texts
from maskwatch.core.records import FrameReport, Label

SAID = ("picture", "ignore", "corner", "flip", "leaving")


class Canvas(ui.element, component="place_canvas.js"):
    """Draws the draft that `draft` returns. What a person does there changes it, and then `on_change` is called."""

    def __init__(self, t: Texts, draft: Callable[[], Draft], on_change: Callable[[], None]) -> None:
        super().__init__()
        self._t = t
        self._draft = draft
        self._on_change = on_change
        self._props.update(w=16, h=9, places=[], selected=None, tool=None, people=[], why="")
        self._props.update(said={key: t(f"editor.{key}") for key in SAID})
        self.on("add", self._on_add)
        for name in ("corner", "insert", "remove_corner", "shift", "nudge"):
            self.on(name, self._on_points)
        self._on_number("remove", lambda n: self._draft().remove(n))
        self._on_number("flip", lambda n: self._draft().flip(n))
        self.on("select", self._on_select)
        self.on("tool", lambda: self.use(None))
        self.on("undo", lambda: self._done(lambda: self._draft().undo()))
        self.on("redo", lambda: self._done(lambda: self._draft().redo()))
        self.tool: PlaceKind | None = None
        self._shown: tuple[tuple[int, int], list[dict[str, object]], str] = (16, 9), [], ""

    def use(self, tool: PlaceKind | None) -> None:
        """Choose what is drawn next, None for nothing."""
        self.tool = tool
        self._props["tool"] = None if tool is None else tool.value
        self._on_change()

    def redraw(self) -> None:
        """Show the draft as it is."""
        draft = self._draft()
        self._props.update(
            places=[self._as_props(place) for place in draft.places],
            selected=draft.selected,
        )
        self.update()

    def show(self, report: FrameReport, jpeg: bytes) -> None:
        """Show another frame; `report` has its size in pixels and who is in view."""
        shown = report.size, list(self._persons(report)), ""
        if shown != self._shown:
            self._shown = shown
            self._props.update(w=report.size[0], h=report.size[1], people=shown[1], why="")
            self.update()
        source = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
        self.run_method("picture", source, report.seq)

    def explain(self, why: str) -> None:
        """Say why there is no picture now."""
        if (self._shown[1], self._shown[2]) != ([], why):
            self._shown = self._shown[0], [], why
            self._props.update(why=why, people=[])
            self.update()

    def _persons(self, report: FrameReport) -> Sequence[dict[str, object]]:
        words = {label: self._t(f"editor.{label.value}") for label in Label}
        if report.persons is None:
            return [_person(face.box, face.label, words[face.label], counted=True) for face in report.faces]
        return [
            _person(
                each.box,
                each.label,
                words[each.label] if each.counted else self._t("editor.not_counted"),
                counted=each.counted,
            )
            for each in report.persons
        ]

    def _as_props(self, place: Place) -> dict[str, object]:
        kind = self._t(f"editor.{place.kind.value}")
        return {
            "number": place.number,
            "kind": place.kind.value,
            "name": place.name,
            "said": f"{kind} {place.name}".strip(),
            "points": [list(point) for point in place.points],
            "leaving": place.leaving.value,
        }

    def _done(self, change: Callable[[], object]) -> None:
        change()
        self._on_change()

    def _on_number(self, event: str, change: Callable[[int], None]) -> None:
        self.on(event, lambda told: self._done(lambda: change(int(told.args))))

    def _on_add(self, event: GenericEventArguments) -> None:
        tool, self.tool = self.tool, None
        self._props["tool"] = None
        if tool is not None:
            self._draft().add(tool, [(float(x), float(y)) for x, y in event.args["points"]])
        self._on_change()

    def _on_select(self, event: GenericEventArguments) -> None:
        self._draft().selected = None if event.args is None else int(event.args)
        self._on_change()

    def _on_points(self, event: GenericEventArguments) -> None:
        _change(self._draft(), event.args)
        self._on_change()


def _change(draft: Draft, event: dict[str, Any]) -> None:
    """Apply an event of the browser; its keys tell which change it is."""
    number = int(event["number"])
    point = event.get("point")
    at = None if point is None else (float(point[0]), float(point[1]))
    if "after" in event:
        draft.insert_corner(number, int(event["after"]), at)
    elif at is not None:
        draft.move_corner(number, int(event["corner"]), at)
    elif "right" in event:
        corner = event.get("corner")
        draft.nudge(
            number, None if corner is None else int(corner), float(event["right"]), float(event["down"])
        )
    else:
        draft.remove_corner(number, int(event["corner"]))


def _person(box: Sequence[float], label: Label, said: str, *, counted: bool) -> dict[str, object]:
    return {"box": [round(v, 1) for v in box], "label": label.value, "said": said, "counted": counted}
