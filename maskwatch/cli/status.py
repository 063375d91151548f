"""`maskwatch status`: how a running service is."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from maskwatch.cli.sections import settings_for
from maskwatch.cli.terminal import out
from maskwatch.core.address import http_url
from maskwatch.core.errors import MALFORMED, ConfigError, MaskwatchError
from maskwatch.core.text import pluralize

if TYPE_CHECKING:
    from urllib.error import HTTPError

    from maskwatch.web.settings import WebSettings

ANSWER_S = 5.0
COLOURS = {"up": "green", "connecting": "yellow", "ended": "dim", "down": "bold red"}


def status(
    config: Annotated[
        Path | None,
        typer.Option("-c", "--config", help="The service's configuration file, which has its address."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option("--url", help="Its address, in place of -c; a token is taken from MASKWATCH_WEB_TOKEN."),
    ] = None,
) -> None:
    """Ask a running service how it is.

    Exit code 1 when it does not answer, does not do its work, or cannot deliver alerts.
    """
    address, token = _place(config, url)
    told = asked(address, token)
    try:
        table, failing = _table(told), _failing(told)
        lines = [
            *_passed(told),
            *_reasons(told),
            *failing,
            *_notices(told),
            *_effects(told),
            *_shadow(told),
            _summary(told),
        ]
    except (KeyError, TypeError, AttributeError) as e:
        raise MaskwatchError(f"{address}: is not a maskwatch service of this version") from e
    out.print(table)
    for line in lines:
        out.print(line, soft_wrap=True, markup=False, highlight=False)
    if not told["ready"]:
        raise MaskwatchError(f"{address}: {told['reason']}")
    if failing:
        raise MaskwatchError(f"{address}: alerts cannot be delivered: {', '.join(failing)}")


def _why(refused: "HTTPError") -> str:
    """What the service says itself, that it starts, say."""
    try:
        return str(json.load(refused)["error"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"HTTP {refused.code}"


def _place(config: Path | None, url: str | None) -> tuple[str, str | None]:
    """The service's address without an end, and its token."""
    if url is not None and config is not None:
        raise ConfigError("--url: give it or --config, not both")
    if url is not None:
        return url.rstrip("/"), os.environ.get("MASKWATCH_WEB_TOKEN")
    web = settings_for("status", config).web
    if not web.enabled:
        raise ConfigError(f"{config}: web.enabled: is false, so the service answers nobody")
    if web.port == 0:
        raise ConfigError(
            f"{config}: web.port: is 0, any free one: the log of `run` tells its address, for --url"
        )
    return address_of(web), web.token_text


def address_of(web: "WebSettings") -> str:
    """Where this machine reaches it; who listens everywhere listens on loopback, too."""
    return http_url(reached_at(web.host), web.port)


def reached_at(host: str) -> str:
    """What this machine asks where something listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound


def asked(address: str, token: str | None) -> dict[str, Any]:
    """What the service there answers. No proxy is asked: it is this machine's, or nearby."""
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import ProxyHandler, Request, build_opener

    url = f"{address}/api/status"
    if not url.startswith(("http://", "https://")):
        raise ConfigError("--url: must start with http:// or https://")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        request = Request(url, headers=headers)  # noqa: S310 - http alone, see above
        with build_opener(ProxyHandler({})).open(request, timeout=ANSWER_S) as answer:
            told = json.load(answer)
    except HTTPError as e:
        why = "wants another token (web.token, MASKWATCH_WEB_TOKEN)" if e.code == 401 else _why(e)
        raise MaskwatchError(f"{url}: {why}") from e
    except (OSError, HTTPException, *MALFORMED) as e:
        reason = getattr(e, "reason", e)
        raise MaskwatchError(f"{url}: no answer: {getattr(reason, 'strerror', None) or reason}") from e
    if not isinstance(told, dict):
        raise MaskwatchError(f"{url}: is not a maskwatch service")
    return told


def _table(told: dict[str, Any]) -> Table:
    names = ("camera", "state", "for", "frames/s", "latency", "protected")
    table = Table(*(Column(name, overflow="fold") for name in names))
    for name, camera in told["cameras"].items():
        ratio, latency_s = camera["protected_ratio"], camera["latency_s"]
        state = camera["state"]
        table.add_row(
            escape(name),
            f"[{COLOURS.get(state, 'red')}]{escape(state)}[/]",
            _span(camera["state_s"]),
            f"{camera['analysed_fps']:.1f} of {camera['fps']:.1f}",
            "" if latency_s is None else f"{1000 * latency_s:.0f} ms",
            "" if ratio is None else f"{ratio:.0%} of {camera['people']}",
        )
    return table


def _passed(told: dict[str, Any]) -> list[str]:
    """Who passed each camera today, by direction; nothing of one that nobody passed."""
    lines = []
    for name, camera in told["cameras"].items():
        ways = [
            f"{sum(labels.values())} {direction} ({labels['protected']} with a mask, "
            f"{labels['unprotected']} without, {labels['unknown']} unknown)"
            for direction, labels in camera["passages"]["today"].items()
            if any(labels.values())
        ]
        lines += [f"{name}: today {', '.join(ways)}"] if ways else []
    return lines


def _reasons(told: dict[str, Any]) -> list[str]:
    cameras = told["cameras"].items()
    down = [f"{name}: {camera['reason']}" for name, camera in cameras if camera["reason"]]
    return down + [f"{name}: sees nothing useful: {c['view']}" for name, c in cameras if c.get("view")]


def _failing(told: dict[str, Any]) -> list[str]:
    """The sinks that cannot deliver; which cameras', unless it is all of them."""
    lines = []
    for sink in told["sinks"]:
        if not sink["up"]:
            those = (
                "" if set(sink["cameras"]) == set(told["cameras"]) else f" of {', '.join(sink['cameras'])}"
            )
            name, reason = sink["sink"], sink["reason"]
            lines.append(
                f"{name}{those} has failed for {_span(sink['state_s'])}: {reason.removeprefix(f'{name}: ')}"
            )
    return lines


def _effects(told: dict[str, Any]) -> list[str]:
    """What came of each camera's announcements, where there were any."""
    lines = []
    for name, camera in told["cameras"].items():
        effect = camera.get("effect") or {}
        withheld = effect.get("withheld") or {"announcements": 0}
        if not effect.get("announcements") and not withheld["announcements"]:
            continue
        line = f"{name}: {_came_of(effect, 'announcement')} within {effect['effect_s']:g} s"
        if withheld["announcements"]:
            line += f"; {_came_of(withheld, 'withheld one')}; difference {_range(effect['difference'], 'difference')}"
        lines.append(line)
    return lines


def _shadow(told: dict[str, Any]) -> list[str]:
    """How a version compares that is in the shadow, by camera."""
    shadow = told.get("shadow")
    if shadow is None:
        return []
    head = f"{shadow['version']} in the shadow of {shadow['serving']}"
    if shadow["problem"]:
        return [f"{head}: has ended: {shadow['problem']}"]
    lines = [
        f"{head}, {name}: {pluralize(c['frames'], 'frame')}, {c['differing']} judged differently "
        f"(faces: {c['candidate_only']} it alone found, {c['serving_only']} it did not, {c['relabelled']} with another "
        f"label; {pluralize(c['decisions'], 'decision')})"
        for name, c in shadow["cameras"].items()
    ]
    return lines or [f"{head}: no frame yet"]


def _came_of(counts: dict[str, Any], noun: str) -> str:
    return (
        f"{pluralize(counts['announcements'], noun)} to {counts['addressed']} without a mask, "
        f"{counts['put_on']} put one on ({_range(counts, 'share')}), {counts['unknown']} unknown"
    )


def _range(figures: dict[str, Any], name: str) -> str:
    """`25 %, 10 to 48 %`."""
    value, low, high = figures[name], figures["low"], figures["high"]
    if value is None:
        return "not known"
    return f"{value:.0%}" + ("" if low is None else f", 95 % interval {low:.0%} to {high:.0%}")


def _notices(told: dict[str, Any]) -> list[str]:
    problem = told["queue"]["problem"]
    return [*([problem] if problem else []), *told["notices"]]


def _alerts(told: dict[str, Any]) -> str:
    """How the alerts fared, by sink."""
    outcomes: dict[str, dict[str, int]] = {}
    for each in told["alerts"]:
        outcomes.setdefault(each["sink"], {})[each["outcome"]] = each["count"]
    parts = []
    for sink, counts in outcomes.items():
        lost = ", ".join(f"{counts[o]} {o}" for o in ("kept", "failed", "dropped") if o in counts)
        parts.append(
            f"{pluralize(counts.get('delivered', 0), 'alert')} told by {sink}{f' ({lost})' if lost else ''}"
        )
    return ", ".join(parts) or "0 alerts told"


def _summary(told: dict[str, Any]) -> str:
    queue, process = told["queue"], told["process"]
    parts = [
        f"maskwatch {told['version']}, running for {_span(told['running_s'])}",
        _alerts(told),
        "queue unreadable"
        if queue["samples"] is None
        else f"{pluralize(queue['samples'], 'sample')} in the queue",
        "free space unknown" if queue["free_bytes"] is None else f"{queue['free_bytes'] / 1e9:.1f} GB free",
        f"{process['memory_bytes'] / 1e6:.0f} MB of memory",
    ]
    return ", ".join(parts)


def _span(seconds: float) -> str:
    """`42 s`, `12 min`, `5 h`, `3 d`: the largest that fits."""
    for unit, size_s in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size_s:
            return f"{seconds // size_s:.0f} {unit}"
    return f"{seconds:.0f} s"
