"""Beside the picture: the tools, the list of places, and the sliders."""

from collections.abc import Callable
from dataclasses import dataclass

from nicegui import ui

from maskwatch.console.editor.canvas import Canvas
from maskwatch.console.editor.draft import Draft, Place, PlaceKind
from maskwatch.console.texts import Texts

ICONS = {PlaceKind.ZONE: "crop_free", PlaceKind.LINE: "timeline", PlaceKind.IGNORE: "visibility_off"}


@dataclass(frozen=True, slots=True)
class Slider:
    """A slider of the threshold `name`, shown with so many `digits` after the point."""

    name: str
    low: float
    high: float
    step: float
    digits: int = 2


SLIDERS = (
    Slider("protected_at", 0.02, 0.98, 0.01),
    Slider("protected_ratio", 0.0, 1.0, 0.01),
    Slider("for_s", 0.0, 15.0, 0.5, 1),
    Slider("found_at", 0.05, 0.99, 0.01),
    Slider("min_face_px", 8, 200, 1, 0),
)


class Tools:
    """Buttons for what to draw next, and for undo. `draft` returns the draft; `on_change` is called after each change."""

    def __init__(
        self, t: Texts, canvas: Canvas, draft: Callable[[], Draft], on_change: Callable[[], None]
    ) -> None:
        self._canvas = canvas
        self._draft = draft
        self._buttons: dict[PlaceKind, ui.button] = {}
        with ui.row().classes("mw-ed-tools"):
            for kind, icon in ICONS.items():
                said = t(f"editor.{kind.value}")
                button = ui.button(said, icon=icon, on_click=lambda kind=kind: self._use(kind))
                button.props(f'dense no-caps aria-label="{t("editor.draw")}: {said}"')
                button.tooltip(t(f"editor.{kind.value}_is"))
                self._buttons[kind] = button

            def change(act: Callable[[], object]) -> None:
                act()
                on_change()

            add = ui.button(icon="add", on_click=lambda: change(self._add)).tooltip(t("editor.add"))
            add.props(f'flat dense round aria-label="{t("editor.add")}"')
            self._undo = ui.button(icon="undo", on_click=lambda: change(lambda: draft().undo()))
            self._redo = ui.button(icon="redo", on_click=lambda: change(lambda: draft().redo()))
            for each, key in ((self._undo, "undo"), (self._redo, "redo")):
                each.props(f'flat dense round aria-label="{t(f"editor.{key}")}"').tooltip(t(f"editor.{key}"))
        self.refresh()

    def refresh(self) -> None:
        """Show what is chosen and what can be undone."""
        for kind, button in self._buttons.items():
            chosen = self._canvas.tool is kind
            button.props(f"{'unelevated' if chosen else 'outline'} aria-pressed={str(chosen).lower()}")
            button.props(remove="outline" if chosen else "unelevated")
        self._undo.set_enabled(self._draft().can_undo)
        self._redo.set_enabled(self._draft().can_redo)

    def _use(self, kind: PlaceKind) -> None:
        self._canvas.use(None if self._canvas.tool is kind else kind)

    def _add(self) -> None:
        self._draft().add_in_the_middle(self._canvas.tool or PlaceKind.ZONE)
        self._canvas.use(None)


class PlaceList:
    """Each place with its name, and what can be done to it."""

    def __init__(self, t: Texts, draft: Callable[[], Draft], on_change: Callable[[], None]) -> None:
        self._t = t
        self._draft = draft
        self._on_change = on_change
        self._shown: object = None
        self._list = ui.element("ul").classes("mw-ed-list")

    def refresh(self) -> None:
        """Show the draft's places; an input that somebody writes in stays while nothing changed."""
        draft = self._draft()
        now = [(p.number, p.kind, p.name, p.leaving, p.number == draft.selected) for p in draft.places]
        if now == self._shown:
            return
        self._shown = now
        self._list.clear()
        with self._list:
            for place in draft.places:
                with ui.element("li").classes(
                    "mw-ed-item" + (" mw-ed-on" if place.number == draft.selected else "")
                ):
                    self._item(place)
            if not draft.places:
                with ui.element("li"):
                    ui.label(self._t("editor.no_places")).classes("mw-ed-hint")

    def _item(self, place: Place) -> None:
        t, kind = self._t, self._t(f"editor.{place.kind.value}")
        icon = ui.button(icon=ICONS[place.kind], on_click=lambda: self._select(place.number))
        icon.props(f'flat dense round aria-label="{kind} {place.name}"').classes(
            f"mw-ed-{place.kind.value}-icon"
        )
        if place.kind is PlaceKind.IGNORE:
            ui.label(f"{kind}: {t('editor.ignore_is')}").classes("mw-ed-grow")
        else:
            name = ui.input(value=place.name).classes("mw-ed-grow")
            name.props(f'dense borderless maxlength=64 aria-label="{kind}: {t("editor.name")}"')
            for event in ("blur", "keydown.enter"):
                name.on(event, lambda _, name=name: self._rename(place, name))
        if place.kind is PlaceKind.LINE:
            flip = ui.button(icon="swap_vert", on_click=lambda: self._change(lambda d: d.flip(place.number)))
            flip.props(f'flat dense round aria-label="{t("editor.flip")}: {place.name}"').tooltip(
                t("editor.flip")
            )
        remove = ui.button(
            icon="delete_outline", on_click=lambda: self._change(lambda d: d.remove(place.number))
        )
        remove.props(f'flat dense round aria-label="{t("editor.remove")}: {kind} {place.name}"')

    def _rename(self, place: Place, name: ui.input) -> None:
        if name.value == place.name:
            return
        if self._draft().rename(place.number, (name.value or "").strip()):
            self._on_change()
        else:
            name.value = place.name
            ui.notify(self._t("editor.bad_name"), type="warning")

    def _select(self, number: int) -> None:
        self._draft().selected = number
        self._on_change()

    def _change(self, change: Callable[[Draft], object]) -> None:
        change(self._draft())
        self._on_change()


class _Slider(ui.slider):
    LOOPBACK = False  # the slider does not wait for the server, else fast steps would be lost


class Sliders:
    """A slider for each threshold that the camera has."""

    def __init__(self, t: Texts, draft: Callable[[], Draft], on_change: Callable[[], None]) -> None:
        self._t = t
        self._draft = draft
        self._on_change = on_change
        self._all: dict[str, tuple[Slider, ui.slider, ui.label, ui.element]] = {}
        for each in SLIDERS:
            with ui.element("div").classes("mw-ed-slider") as row:
                with ui.row().classes("mw-ed-said"):
                    ui.label(t(f"editor.{each.name}"))
                    value = ui.label().classes("mw-ed-value")
                slider = _Slider(min=each.low, max=each.high, step=each.step, value=each.low)
                slider.props(f'aria-label="{t(f"editor.{each.name}")}" data-number={each.name}')
                slider.on_value_change(lambda e, each=each: self._set(each, e.value))
                self._all[each.name] = each, slider, value, row

    def refresh(self) -> None:
        """Show the draft's thresholds."""
        for name, (each, slider, value, row) in self._all.items():
            number = getattr(self._draft().thresholds, name)
            row.set_visibility(number is not None)
            if number is not None:
                value.text = f"{number:.{each.digits}f}"
                if slider.value != number:
                    slider.value = number

    def _set(self, each: Slider, value: float | None) -> None:
        now = getattr(self._draft().thresholds, each.name)
        if value is None or now is None or value == now or abs(value - now) < each.step / 2:
            return
        self._draft().set_threshold(each.name, round(float(value), each.digits))
        self._on_change()
