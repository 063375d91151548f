"""A report that is made part by part: what fails is left out with the reason, and all the others are measured."""

from collections.abc import Callable, MutableMapping

Figures = dict[str, object]


class Parts:
    """Puts parts into `report`, whose `left_out` says what is missing; `on_part` is told after each.

    So an error of a card, or an end of the time for it, costs no more than the part that was under way.
    """

    def __init__(self, report: Figures, on_part: Callable[[Figures], None]) -> None:
        self.report = report
        self.left_out: list[str] = []
        self._on_part = on_part
        report["left_out"] = self.left_out

    def add(
        self, name: str, measure: Callable[[], object], below: MutableMapping[str, object] | None = None
    ) -> None:
        """Measure a part, and put it there by its name, or below another part's figures."""
        try:
            (self.report if below is None else below)[name] = measure()
        except Exception as e:  # noqa: BLE001 - whatever it raises, the other parts are measured
            reason = str(e).splitlines()[0] if str(e) else type(e).__name__
            self.left_out.append(f"{name}: {reason}")
        self._on_part(self.report)
