"""Figures as text: signs, intervals, and for which of them lower is better."""

from collections.abc import Mapping, Sequence

from maskwatch.core.records import Estimate
from maskwatch.evaluation.bootstrap import RESAMPLES, Difference
from maskwatch.evaluation.detection import BARE_MINUS_MASKED
from maskwatch.evaluation.document import Table
from maskwatch.evaluation.system import ACCUSED, BIAS, UNNOTICED

INTERVALS = (
    f"Intervals hold 95 % of {RESAMPLES:,} bootstrap draws of whole pictures, with a fixed seed. "
    "They tell what other pictures of the same kind might have given, and nothing of other kinds."
)
LOW_IS_BETTER = (
    UNNOTICED,
    ACCUSED,
    "expected calibration error",
    "error of the protected ratio",
    "false alarms a picture",
)


def sign(name: str) -> str:
    """`+` for a figure that is shown with its sign and is neither better high nor better low; else nothing."""
    return "+" if name == BIAS or name.endswith(BARE_MINUS_MASKED) else ""


def better_low(name: str) -> bool | None:
    """Whether a lower value of the figure is better; None where neither is."""
    return None if sign(name) else name in LOW_IS_BETTER


def figures_table(title: str, figures: Mapping[str, Estimate], names: Sequence[str]) -> Table:
    """A row for each of `names`, in this order: the figure and its 95 % interval."""
    rows = tuple((name, *told(name, figures[name])) for name in names)
    return Table(title, ("", "figure", "95 % interval"), rows, INTERVALS)


def compared(name: str, each: Difference) -> tuple[str, ...]:
    """Two models: the verdict, A, B, B - A and its interval, as text."""
    within = "-" if each.low is None or each.high is None else f"{each.low:+.3f} to {each.high:+.3f}"
    change = "-" if each.difference is None else f"{each.difference:+.3f}"
    plus = sign(name)
    return each.verdict, number(each.a, plus), number(each.b, plus), change, within


def told(name: str, estimate: Estimate) -> tuple[str, str]:
    """The figure of that name and its interval as text; with their signs where it may be below 0."""
    return number(estimate.value, sign(name)), between(estimate, sign(name))


def number(value: float | None, plus: str = "") -> str:
    """With three decimals; `-` for None. `plus` is `+` to show one before what is above 0, too."""
    return "-" if value is None else f"{value:{plus}.3f}"


def between(estimate: Estimate, plus: str = "") -> str:
    """The interval as text, such as `0.912 to 0.954`; `-` where there is none. `plus` is as for `number`."""
    if estimate.low is None or estimate.high is None:
        return "-"
    return f"{estimate.low:{plus}.3f} to {estimate.high:{plus}.3f}"


def words(label: str) -> str:
    """A label as people read it: blanks for underscores."""
    return label.replace("_", " ")
