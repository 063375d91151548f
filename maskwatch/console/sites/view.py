"""What is known of sites, as HTML."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from shlex import quote
from urllib.parse import urlencode

from maskwatch.console.history.query import ALL_SITES
from maskwatch.console.history.query import PATH as HISTORY
from maskwatch.console.history.sentences import percent, zone_name
from maskwatch.console.live.view import moment
from maskwatch.console.reasons import in_words
from maskwatch.console.sites.shared_store import Known
from maskwatch.console.texts import Texts
from maskwatch.core.records import PeopleCount
from maskwatch.events.sites import DAY_S, Figures, Site, SiteCamera, SiteState

ICONS = {
    SiteState.SILENT: "cloud_off",
    SiteState.STOPPED: "stop_circle",
    SiteState.OFFLINE: "videocam_off",
    SiteState.UP: "check_circle",
}
OLD_ICON = "history"  # of one that was up
PASSING = frozenset({SiteState.OFFLINE, SiteState.UP})
"""Those that are told without a time: they may be over where the store cannot be read any more."""
RETIRED_S = 30 * DAY_S
FEW = 3  # so many sites are shown with their cameras
NAMED = 3  # cameras that are offline, at most
LEADS: Mapping[str, Mapping[str, str]] = {"events": {}, "alerts": {"kind": "alert"}, "week": {"show": "week"}}


def content(t: Texts, known: Known, now: float) -> str:
    """All sites, those first that somebody should look after; before, why they are not known, and how many there are."""
    sites = known.sites
    notice = _notice(t, known, now)
    if not sites:
        return notice or f"<p class='mw-empty'>{t('sites.empty')}</p>"
    is_old = bool(known.problem)
    cards = "".join(_site(t, site, now, is_old=is_old, is_open=len(sites) <= FEW) for site in sites)
    told = f"{t('history.zone', zone=zone_name(now))} {t('sites.pictures')}"
    return (
        f"{notice}<p class='mw-numbers'>{_numbers(t, sites, is_old=is_old)}</p>{_total(t, sites)}"
        f"<div class='mw-sites'>{cards}</div><p class='mw-faint'>{escape(told)}</p>"
    )


def _notice(t: Texts, known: Known, now: float) -> str:
    if not known.problem:
        return ""
    told = t("sites.unreadable", problem=known.problem)
    told += f" {t('sites.old', at=moment(known.at, now, t))}" if known.at else ""
    return f"<p class='mw-notice' role='alert'>{escape(told)}</p>"


def _numbers(t: Texts, sites: Sequence[Site], *, is_old: bool) -> str:
    counts = Counter(site.state for site in sites)
    told = [
        t(f"sites.number_{_state_key(state, is_old=is_old)}", n=counts[state])
        for state in SiteState
        if counts[state]
    ]
    return escape(" · ".join([t("sites.number", n=len(sites)), *told]))


def _total(t: Texts, sites: Sequence[Site]) -> str:
    """Of all sites together, where there are several."""
    if len(sites) < 2:
        return ""
    figures = (_sum(site.today for site in sites), _sum(site.day for site in sites))
    return (
        f"<section class='mw-site mw-total'><div><h2>{t('sites.all')}</h2></div>"
        f"{_both(t, figures)}{_leads(t, t('sites.all'), ALL_SITES)}</section>"
    )


def _sum(all_figures: Iterable[Figures]) -> Figures:
    people, alerts = PeopleCount(), 0
    for each in all_figures:
        more = each.people
        people = PeopleCount(
            people.protected + more.protected,
            people.unprotected + more.unprotected,
            people.unknown + more.unknown,
        )
        alerts += each.alerts
    return Figures(people, alerts)


def _state_key(state: SiteState, *, is_old: bool) -> str:
    return f"was_{state}" if is_old and state in PASSING else state.value


def _site(t: Texts, site: Site, now: float, *, is_old: bool, is_open: bool) -> str:
    versions = [t("sites.program", version=site.program)] if site.program else []
    versions += [t("sites.models", version=site.models)] if site.models else []
    heard = [] if site.state is SiteState.SILENT else [t("sites.heard", at=moment(site.heard_at, now, t))]
    icon = OLD_ICON if is_old and site.state is SiteState.UP else ICONS[site.state]
    retired = f"<p class='mw-faint'>{escape(_retired(t, site))}</p>" if _is_retired(site, now) else ""
    several = f"<p class='mw-notice'>{t('sites.several')}</p>" if site.is_shared else ""
    return (
        f"<section class='mw-site mw-site-{_state_key(site.state, is_old=is_old)}'><div><h2>{escape(site.name)}</h2>"
        f"<p class='mw-state'><i class='material-icons' aria-hidden='true'>{icon}</i>"
        f"<span>{escape(_state(t, site, now, is_old=is_old))}</span></p>"
        f"<p class='mw-faint'>{escape(' · '.join([*heard, *versions]))}</p></div>"
        f"{_both(t, (site.today, site.day))}{_leads(t, site.name, site.name)}{several}{retired}"
        f"{_cameras(t, site, now, is_old=is_old, is_open=is_open)}</section>"
    )


def _state(t: Texts, site: Site, now: float, *, is_old: bool) -> str:
    key = f"sites.state_{_state_key(site.state, is_old=is_old)}"
    if site.state is SiteState.OFFLINE:
        names = site.offline[:NAMED]
        more = len(site.offline) - len(names)
        return t(key, cameras=", ".join(names) + (f" {t('sites.more', n=more)}" if more else ""))
    at = site.ended.at if site.ended is not None else site.heard_at
    told = t(key, since=moment(at, now, t))
    reason = site.ended.data.get("reason") if site.ended is not None else None
    return f"{told}: {in_words(str(reason), t)}" if reason else told


def _is_retired(site: Site, now: float) -> bool:
    """Whether it may be no more: nobody stops a service, or leaves it broken, for so long."""
    return site.state in {SiteState.SILENT, SiteState.STOPPED} and now - site.heard_at > RETIRED_S


def _retired(t: Texts, site: Site) -> str:
    command = f"maskwatch events remove-site {quote(site.name)} --store ADDRESS"
    return t("sites.retired", days=int(RETIRED_S // DAY_S), command=command)


def _both(t: Texts, figures: tuple[Figures, Figures]) -> str:
    parts = [
        f"<div><dt>{t(f'sites.{key}')}</dt><dd>{_figures(t, each)}</dd></div>"
        for key, each in zip(("today", "day"), figures, strict=True)
    ]
    return f"<dl>{''.join(parts)}</dl>"


def _figures(t: Texts, figures: Figures) -> str:
    people = figures.people
    alerts = f"<small>{t('sites.alerts', n=f'{figures.alerts:,}')}</small>"
    unknown = f"{people.unknown:,}"
    if people.protected_ratio is None or people.interval is None:
        passed = t("sites.none_judged", n=unknown) if people.unknown else t("sites.nobody")
        return f"<span>{passed}</span> {alerts}"
    low, high = map(percent, people.interval)
    interval = escape(t("sites.interval", low=low, high=high))
    ratio = f"<b>{percent(people.protected_ratio).replace(' ', '&nbsp;')}</b>"
    masked = t("sites.masked", ratio=ratio, n=f"{people.protected + people.unprotected:,}")
    unjudged = f" <small>{t('sites.unjudged', n=unknown)}</small>" if people.unknown else ""
    return f"<span title='{interval}'>{masked}</span>{unjudged} {alerts}"


def _leads(t: Texts, name: str, site: str) -> str:
    links = [
        f"<a href='{_history(site=site, **more)}' aria-label='{escape(t(f'sites.{key}_of', site=name))}'>"
        f"{t(f'sites.to_{key}')}</a>"
        for key, more in LEADS.items()
    ]
    return f"<p class='mw-leads'>{''.join(links)}</p>"


def _history(**said: str) -> str:
    return escape(f"{HISTORY}?{urlencode(said)}")


def _cameras(t: Texts, site: Site, now: float, *, is_old: bool, is_open: bool) -> str:
    if not site.cameras:
        return f"<p class='mw-faint'>{t('sites.no_cameras')}</p>"
    keys = ("camera", "camera_state", "today", "day")
    head = "".join(f"<th scope='col'>{t(f'sites.{key}')}</th>" for key in keys)
    ordered = sorted(site.cameras, key=lambda each: each.outage is None)
    body = "".join(_camera(t, site, camera, now, is_old=is_old) for camera in ordered)
    return (
        f"<details data-site='{escape(site.name)}'{' open' if is_open else ''}>"
        f"<summary>{t('sites.cameras', n=len(site.cameras))}</summary>"
        f"<table class='mw-cameras'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></details>"
    )


def _camera(t: Texts, site: Site, camera: SiteCamera, now: float, *, is_old: bool) -> str:
    address = _history(site=site.name, camera=camera.name)
    return (
        f"<tr><th scope='row'><a href='{address}'>{escape(camera.name)}</a></th>"
        f"<td>{escape(_camera_state(t, site, camera, now, is_old=is_old))} "
        f"<small>{escape(t('sites.last_event', at=moment(camera.last_at, now, t)))}</small></td>"
        f"<td>{_figures(t, camera.today)}</td><td>{_figures(t, camera.day)}</td></tr>"
    )


def _camera_state(t: Texts, site: Site, camera: SiteCamera, now: float, *, is_old: bool) -> str:
    if camera.outage is not None:
        reason = camera.outage.data.get("reason")
        told = in_words(str(reason), t) if reason else t("history.unknown_reason")
        return t("sites.camera_offline", since=moment(camera.outage.at, now, t), reason=told)
    is_heard = site.state in PASSING and not is_old
    return t("sites.camera_up" if is_heard else "sites.camera_was_up")
