"""An alert with its clip, what was said, who was told, and what came of it."""

from html import escape
from urllib.parse import quote

from maskwatch.console.history.query import PATH
from maskwatch.console.history.reading import Alert
from maskwatch.console.history.rows import place_of
from maskwatch.console.history.sentences import (
    badges,
    clock,
    delivery,
    duration,
    long_date,
    percent,
    sentence,
)
from maskwatch.console.texts import Texts
from maskwatch.platform.clock import local_day


def content(t: Texts, alert: Alert, *, has_camera: bool, is_elsewhere: bool = False) -> str:
    """HTML; `has_camera`: whether its camera can be looked at now, `is_elsewhere`: whether another service saw it."""
    event = alert.event
    words = "".join(f"<em>{escape(word)}</em>" for word in badges(t, event))
    return (
        f'<div class="mw-alert"><h2>{escape(place_of(event) if is_elsewhere else event.camera or "")}</h2>'
        f"<p>{escape(long_date(t, local_day(event.at)))}, <b>{clock(event.at)}</b> {words}</p>"
        f"{_picture(t, alert, is_elsewhere=is_elsewhere)}<p class='mw-lead'>{escape(sentence(t, event))}</p>"
        f"<dl>{''.join(_facts(t, alert))}</dl><p class='mw-links'>{_links(t, alert, has_camera=has_camera)}</p></div>"
    )


def _picture(t: Texts, alert: Alert, *, is_elsewhere: bool) -> str:
    event = alert.event
    name = event.camera or ""
    still = f"{PATH}/still/{event.id}.jpg"
    poster = f' poster="{still}"' if alert.has_still else ""
    if alert.has_clip:
        told = escape(t("history.clip_of", camera=name))
        return (
            f'<video src="{PATH}/clip/{event.id}.mp4"{poster} controls muted autoplay loop playsinline '
            f'preload="auto" aria-label="{told}"></video>'
        )
    if alert.has_still:
        told = escape(t("history.still_of", camera=name))
        return f'<img src="{still}" alt="{told}"><p class="mw-faint">{t("history.no_clip")}</p>'
    return f'<p class="mw-faint">{t("history.picture_stays" if is_elsewhere else "history.no_picture")}</p>'


def _facts(t: Texts, alert: Alert) -> list[str]:
    event, data = alert.event, alert.event.data
    came = t("history.effect_unknown") if alert.outcome is None else sentence(t, alert.outcome)
    share = data.get("protected_ratio")
    facts = [
        ("said", str(data.get("say") or "")),
        ("rule", str(data.get("rule") or "")),
        ("ratio", percent(share) if isinstance(share, int | float) else ""),
        ("through", delivery(t, event)),
        ("effect", came),
    ]
    if event.ended_at is not None:
        facts.append(("over", f"{clock(event.ended_at)} ({duration(t, event.ended_at - event.at)})"))
    return [f"<dt>{t(f'history.{key}')}</dt><dd>{escape(told)}</dd>" for key, told in facts if told]


def _links(t: Texts, alert: Alert, *, has_camera: bool) -> str:
    event = alert.event
    links = []
    if has_camera and event.camera:
        links.append(f'<a href="/live/{quote(event.camera, safe="")}">{t("history.open_camera")}</a>')
    if alert.has_clip:
        name = f"{event.camera or 'alert'}-{local_day(event.at)}-{clock(event.at).replace(':', '')}.mp4"
        links.append(
            f'<a href="{PATH}/clip/{event.id}.mp4" download="{escape(name)}">{t("history.download_clip")}</a>'
        )
    return " ".join(links)
