"""The picture with its boxes as an element of the page; what it does in the browser stands in `canvas.js`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from maskwatch.console.review.editing import DrawnAnnotation
from maskwatch.console.review.keys import CHOICES, NOT_A_FACE, Action, action_of, all_names
from maskwatch.core.records import Box, Face, Label
from maskwatch.datasets.labels import AnnotationLabel


@dataclass(frozen=True, slots=True)
class CanvasHandlers:
    """What is called when a person does something to the picture that is shown; never for another one."""

    act: Callable[[Action], Awaitable[None]]
    select: Callable[[int | None], None]
    draw: Callable[[Box], None]
    change: Callable[[int, Box], None]
    label: Callable[[int, AnnotationLabel], None]
    remove: Callable[[int], None]
    take: Callable[[int], None]


class Canvas(ui.element, component="canvas.js"):
    """The image that is being labelled, with its boxes; what a person does there goes to `hands`."""

    def __init__(self, hands: CanvasHandlers) -> None:
        super().__init__()
        self._sample = ""
        self._props.update(
            keys=all_names(), choices=list(CHOICES), annotations=[], preload=[], width=1, height=1
        )
        self._props.update(sample="", src="", selected=None, suggested=[])
        self._hands = hands
        self.on("key", self._on_key)
        self.on("select", self._on_select)
        self.on("draw", self._on_draw)
        self.on("change", self._on_change)
        self.on("label", self._on_label)
        self.on("take", self._on_take)

    def show(self, sample_id: str, address: str, size: tuple[int, int], ahead: Sequence[str]) -> None:
        """Another picture; those at the addresses `ahead` are fetched meanwhile."""
        self._sample = sample_id
        self._props.update(sample=sample_id, src=address, width=size[0], height=size[1], preload=list(ahead))

    def draw(
        self,
        annotations: Sequence[DrawnAnnotation],
        selected: int | None,
        suggested: Mapping[int, Face] = MappingProxyType({}),
    ) -> None:
        """Show these boxes, the one of number `selected` as chosen, and the `suggested` ones dashed.

        What `show` set is sent along.
        """
        self._props.update(
            annotations=[_to_props(annotation) for annotation in annotations],
            selected=selected,
            suggested=[
                {"place": place, "box": list(face.box), "said": f"perhaps a face, {face.score:.0%}"}
                for place, face in suggested.items()
            ],
        )
        self.update()

    async def _on_key(self, event: GenericEventArguments) -> None:
        action = action_of(str(event.args["key"]), shift=bool(event.args["shift"]))
        if action is not None and self._is_shown(event.args):
            await self._hands.act(action)

    def _on_select(self, event: GenericEventArguments) -> None:
        if self._is_shown(event.args):
            number = event.args["number"]
            self._hands.select(None if number is None else int(number))

    def _on_draw(self, event: GenericEventArguments) -> None:
        if self._is_shown(event.args):
            self._hands.draw(_box(event.args))

    def _on_change(self, event: GenericEventArguments) -> None:
        if self._is_shown(event.args):
            self._hands.change(int(event.args["number"]), _box(event.args))

    def _on_label(self, event: GenericEventArguments) -> None:
        if not self._is_shown(event.args):
            return
        number, label = int(event.args["number"]), str(event.args["label"])
        if label == NOT_A_FACE:
            self._hands.remove(number)
        else:
            self._hands.label(number, AnnotationLabel(label))

    def _on_take(self, event: GenericEventArguments) -> None:
        if self._is_shown(event.args):
            self._hands.take(int(event.args["place"]))

    def _is_shown(self, told: dict[str, Any]) -> bool:
        """A key that was pressed before the next picture came is not for that one: nobody labels unseen."""
        return bool(told["sample"] == self._sample)


def _box(told: dict[str, Any]) -> Box:
    x1, y1, x2, y2 = map(float, told["box"])
    return Box(x1, y1, x2, y2)


def _to_props(annotation: DrawnAnnotation) -> dict[str, object]:
    return {
        "number": annotation.number,
        "box": list(annotation.box),
        "label": annotation.label.value,
        "said": label_choice_of(annotation.face),
    }


def label_choice_of(face: Face | None) -> str:
    """What the models say of a face, for a person."""
    if face is None:
        return "drawn by hand"
    found = f"a face {face.score:.0%}"
    if face.protected is None:
        return f"{found}, not judged"
    verdict = "protected" if face.label is Label.PROTECTED else "unprotected"
    sure = face.protected if face.label is Label.PROTECTED else 1 - face.protected
    return f"{found}, {verdict} {sure:.0%}"
