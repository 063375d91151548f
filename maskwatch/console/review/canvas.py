"""The picture with its boxes as an element of the page; what it does in the browser stands in `canvas.js`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from maskwatch.console.review.editing import DrawnAnnotation
from maskwatch.console.review.keys import CHOICES, NOT_A_FACE, Action, action_of, all_names
from maskwatch.console.texts import Texts
from maskwatch.core.records import Box, Face, Label
from maskwatch.datasets.labels import AnnotationLabel

UNLABELLED = "unlabelled"
WORDS = ("canvas", "a_face", "click_if", "is_face", "none_marked", "which", UNLABELLED)


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

    def __init__(self, hands: CanvasHandlers, t: Texts) -> None:
        super().__init__()
        self._sample = ""
        self._t = t
        choices = [{"label": label, "key": key, "text": t(f"review.{label}")} for label, key in CHOICES]
        words = {word: t(f"review.{word}", count="{count}") for word in WORDS}
        self._props.update(
            keys=all_names(), controls=all_names(control=True), choices=choices, words=words, annotations=[]
        )
        self._props.update(preload=[], width=1, height=1, sample="", src="", selected=None, suggested=[])
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
            annotations=[_to_props(annotation, self._t) for annotation in annotations],
            selected=selected,
            suggested=[
                {"place": place, "box": list(face.box), "said": self._t("review.perhaps", score=face.score)}
                for place, face in suggested.items()
            ],
        )
        self.update()

    async def _on_key(self, event: GenericEventArguments) -> None:
        told = event.args
        action = action_of(str(told["key"]), shift=bool(told["shift"]), control=bool(told.get("control")))
        if action is not None and self._is_shown(told):
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


def _to_props(annotation: DrawnAnnotation, t: Texts) -> dict[str, object]:
    return {
        "number": annotation.number,
        "box": list(annotation.box),
        "label": UNLABELLED if annotation.label is None else annotation.label.value,
        "said": said_of(annotation.face, t),
    }


def said_of(face: Face | None, t: Texts) -> str:
    """What the models say of a face, for a person."""
    if face is None:
        return t("review.by_hand")
    found = t("review.face_found", score=face.score)
    if face.protected is None:
        return t("review.not_judged", found=found)
    is_protected = face.label is Label.PROTECTED
    sure = face.protected if is_protected else 1 - face.protected
    label = t("review.protected" if is_protected else "review.unprotected")
    return t("review.judged", found=found, label=label, sure=sure)
