"""Tables and lists of the team's page as HTML. What people named or wrote is escaped."""

from collections.abc import Iterable, Sequence
from html import escape

from maskwatch.console.review.cards import sample_path, summary
from maskwatch.console.texts import Texts
from maskwatch.samples.agreement import Agreement, Figure, Interval
from maskwatch.samples.sample import Sample
from maskwatch.samples.team import opinion_beside
from maskwatch.samples.work_done import Work

MAX_LISTED = 20


def work_table(work: Iterable[Work], t: Texts) -> str:
    """A row for each person."""
    heads = ("name", "today", "week", "total", "faces", "median", "waiting", "returned_short")
    return _table([t(f"team.{head}") for head in heads], [_work_row(each, t) for each in work])


def _work_row(work: Work, t: Texts) -> list[str]:
    faces = [
        t("review.counted", count=count, label=t(f"review.{label}"))
        for label, count in work.labels.items()
        if count
    ]
    median = "-" if work.median_s is None else f"{work.median_s:.1f}"
    numbers = (work.today, work.week, work.total)
    return [work.name, *map(str, numbers), ", ".join(faces), median, str(work.waiting), str(work.returned)]


def agreement_table(found: Agreement, t: Texts) -> str:
    """Of all, by label, by pair and by person."""
    rows = [(t("team.everybody"), found.total)]
    rows += [(t(f"review.{label}"), figure) for label, figure in found.labels.items()]
    rows += [(t("team.pair", one=a, other=b), figure) for (a, b), figure in found.pairs.items()]
    if len(found.people) > 2:
        rows += [(t("team.with_others", name=name), figure) for name, figure in found.people.items()]
    heads = [t(f"team.{head}") for head in ("between", "pictures", "faces", "kappa", "found")]
    return _table(heads, [_agreement_row(name, figure, t) for name, figure in rows])


def _agreement_row(name: str, figure: Figure, t: Texts) -> list[str]:
    kappa = _with_interval(figure.kappa, figure.kappa_interval, t)
    found = _with_interval(figure.found_by_both, figure.found_interval, t)
    return [name, str(figure.pictures), str(figure.faces), kappa, found]


def _with_interval(value: float | None, interval: Interval | None, t: Texts) -> str:
    if value is None:
        return "-"
    if interval is None:
        return f"{value:.2f}"
    return t("team.interval", value=value, low=interval[0], high=interval[1])


def disagreement_list(samples: Sequence[Sample], t: Texts) -> str:
    """Each leads to its picture, in the round of those on which two disagree."""
    return _list([(sample.id, _both(sample, t), {"state": "disagreed"}) for sample in samples], t)


def _both(sample: Sample, t: Texts) -> str:
    said = [
        t("team.says", name=each.by, said=summary((mark.label for mark in each.faces), t))
        for each in (sample.labels, opinion_beside(sample))
        if each is not None
    ]
    return f"{sample.report.camera} · {' · '.join(said)}"


def returned_list(samples: Sequence[Sample], t: Texts) -> str:
    """Each with what is to be mended."""
    rows = []
    for sample in samples:
        verdict, labels = sample.verdict, sample.labels
        if verdict is not None and labels is not None:
            said = t("team.returned_by", reviewer=verdict.by, name=labels.by, comment=verdict.comment)
            rows.append((sample.id, said, {"state": "returned"}))
    return _list(rows, t)


def _list(rows: Sequence[tuple[str, str, dict[str, str]]], t: Texts) -> str:
    items = "".join(
        f'<li><a href="{escape(sample_path(sample_id, query))}">{escape(said)}</a></li>'
        for sample_id, said, query in rows[:MAX_LISTED]
    )
    more = len(rows) - MAX_LISTED
    items += f"<li>{escape(t('team.more', count=more))}</li>" if more > 0 else ""
    return f'<ul class="mw-list">{items}</ul>'


def _table(heads: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in rest)
        + "</tr>"
        for first, *rest in rows
    )
    return f'<table class="mw-table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
