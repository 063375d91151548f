"""The filters above the timeline, and the files of what they let through."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import date
from urllib.parse import urlencode

from nicegui import ui

from maskwatch.console.history.event_sources import EventSources
from maskwatch.console.history.query import ADMINS, ALL_SITES, PATH, Choice, Period
from maskwatch.console.shell import Visit
from maskwatch.console.users import Role
from maskwatch.core.events import EventKind


class Filters:
    """Drawn where it is made. `on_change` is called when something else is chosen, `on_turn` with so many days on or back."""

    def __init__(
        self,
        visit: Visit,
        sources: EventSources,
        choice: Choice,
        on_change: Callable[[], object],
        on_turn: Callable[[int], object],
    ) -> None:
        self._t, self._role = visit.texts, visit.user.role
        self._sources = sources
        self._on_change = on_change
        with ui.element("div").classes("mw-filters"):
            self._site = self._select("site", self._site_options([], choice), choice.site)
            self._site.visible = sources.shared_store is not None
            cameras = self._camera_options(sources.cameras, choice)
            self._camera = self._select("camera", cameras, choice.camera)
            self._date = ui.input(
                self._t("history.day"),
                value=choice.day.isoformat() if choice.day else "",
                on_change=on_change,
            ).props("type=date outlined dense stack-label")
            self._arrows(on_turn)
            self._kinds = self._kind_select(choice)
            periods = {each.value: self._t(f"history.show_{each.value}") for each in Period}
            self._period = ui.toggle(periods, value=choice.period.value, on_change=on_change)
            self._period.props("no-caps dense unelevated padding='4px 10px'")
            with ui.row().classes("mw-files"):
                self._csv = self._file("csv", "table_view", "export.csv")
                self._pdf = self._file("report", "picture_as_pdf", "report.pdf")

    @property
    def choice(self) -> Choice:
        """What is chosen now."""
        day = None
        with suppress(ValueError):
            day = date.fromisoformat(self._date.value or "")
        kinds = self._kinds.value or []
        return Choice(
            self._camera.value or None,
            day,
            tuple(kind for kind in EventKind if kind.value in kinds),
            Period(self._period.value),
            site=self._site.value or None,
        )

    def show_day(self, day: date | None, period: Period | None = None) -> None:
        """Choose a day, None for the latest."""
        self._date.value = "" if day is None else day.isoformat()
        if period is not None:
            self._period.value = period.value

    def show_names(self, sites: Sequence[str], cameras: Sequence[str], choice: Choice) -> None:
        """What there is to choose from; what is chosen stays among it."""
        if self._sources.shared_store is not None:
            self._site.set_options(self._site_options(sites, choice), value=choice.site or "")
        self._camera.set_options(self._camera_options(cameras, choice), value=choice.camera or "")

    def offer_files(self, choice: Choice, day: date) -> None:
        """The table of what is chosen, and the report of this day's week."""
        said = choice.to_query()
        said.pop("event", None)
        self._csv.props["href"] = f"{PATH}/export.csv?{urlencode(said)}"
        self._csv.update()
        self._pdf.props["href"] = f"{PATH}/report.pdf?{urlencode(said | {'day': day.isoformat()})}"
        self._pdf.update()

    def _select(self, key: str, options: dict[str, str], value: str | None) -> ui.select:
        made = ui.select(
            options, label=self._t(f"history.{key}"), value=value or "", on_change=self._on_change
        )
        return made.props("outlined dense options-dense")

    def _site_options(self, sites: Iterable[str], choice: Choice) -> dict[str, str]:
        if self._sources.own is None:
            first = {"": self._t("history.all_sites")}
        else:
            first = {"": self._t("history.this_service"), ALL_SITES: self._t("history.all_sites")}
        named = [*sites, *([choice.site] if choice.site and choice.site not in first else [])]
        return first | {name: name for name in named}

    def _camera_options(self, cameras: Iterable[str], choice: Choice) -> dict[str, str]:
        names = [*cameras, *([choice.camera] if choice.camera else [])]
        return {"": self._t("history.all_cameras")} | {name: name for name in names}

    def _arrows(self, on_turn: Callable[[int], object]) -> None:
        t = self._t
        with ui.row().classes("mw-arrows"):
            for icon, days, key in (("chevron_left", -1, "day_before"), ("chevron_right", 1, "day_after")):
                button = ui.button(icon=icon, on_click=lambda _, days=days: on_turn(days))
                told = t(f"history.{key}")
                button.props(f"flat dense round aria-label='{told}'").tooltip(told)
            ui.button(t("history.latest"), on_click=lambda: self.show_day(None)).props("flat dense no-caps")

    def _kind_select(self, choice: Choice) -> ui.select:
        kinds = {
            kind.value: self._t(f"history.kind_{kind.value}")
            for kind in EventKind
            if kind not in ADMINS or self._role.may(Role.ADMIN)
        }
        made = ui.select(
            kinds,
            label=self._t("history.kinds"),
            value=[kind.value for kind in choice.kinds if kind.value in kinds],
            multiple=True,
            clearable=True,
            on_change=self._on_change,
        )
        return made.props("outlined dense options-dense").classes("mw-kinds")

    def _file(self, key: str, icon: str, name: str) -> ui.link:
        with ui.link(target=f"{PATH}/{name}").props("download").classes("mw-file") as link:
            ui.icon(icon)
            ui.label(self._t(f"history.download_{key}"))
        link.tooltip(self._t(f"history.download_{key}_hint"))
        return link
