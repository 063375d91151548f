"""What services of many sites wrote into one store: as many events as are wanted, made by the database itself."""

import json
import time
from uuid import uuid4

from pydantic import SecretStr
from sqlalchemy import text

from maskwatch.core.events import Event, EventKind
from maskwatch.events import postgres
from maskwatch.events.store import EventStore

DAY_S = 86_400
MODELS, BEFORE = "20261101T120000Z-aaaa", "shipped"
PASSAGES = tuple(
    f'{{"label": "{label}", "direction": "{way}", "line": "door", "zones": []}}'
    for label in ("protected", "protected", "protected", "unprotected", "unknown")
    for way in ("entering", "leaving")
)
ALERT = (
    '{"rule": "protected_ratio", "alert_kind": "unprotected", "level": 1, "quiet": false, "withheld": false, '
    '"say": "Please wear a mask.", "people": 4, "unprotected": 2, "protected_ratio": 0.5, "reason": null, '
    '"delivered": true, "sinks": {"voice": "delivered"}}'
)
ANNOUNCEMENT = '{"told": true, "addressed": 2, "put_on": 1, "unknown": 0}'
OUTAGE = '{"reason": "no answer in time"}'
STARTED = '{"state": "started", "version": "0.1.0"}'
MODELS_DATA = f'{{"version": "{MODELS}", "before": "{BEFORE}"}}'
# of a hundred thousand events: so many up to here
SHARES = {"passage": 90_000, "alert": 95_000, "announcement": 99_000, "outage": 99_900, "service": 99_980}

STATEMENT = """
INSERT INTO events (id, site, kind, camera, at, ended_at, data, version)
WITH RECURSIVE n(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {number}),
spread AS (SELECT i, i % {sites} AS site, i / {sites} % {cameras} AS camera, i * 48271 % 99991 AS lot FROM n),
named AS (SELECT i, site, camera, lot, {since} + i * {step} AS at,
    CASE {kinds} ELSE 'models' END AS kind FROM spread)
SELECT {id}, 'site ' || {padded_site}, kind,
    CASE WHEN kind IN ('service', 'models') THEN NULL ELSE 'camera ' || {padded_camera} END, at,
    CASE WHEN kind IN ('alert', 'outage') THEN at + 60 END,
    {json}, i + 1
FROM named
"""


def fill(store, *, sites, cameras, number, since, until):
    """Add `number` events of so many sites and cameras a site, evenly between two Unix times; every alert and outage is over.

    Sites are `site 00` and so on, cameras `camera 00`. Nine of ten events are passages.
    """
    shared = store.engine.dialect.name == "postgresql"
    kinds = " ".join(f"WHEN lot < {end} THEN '{kind}'" for kind, end in SHARES.items())
    passages = " ".join(f"WHEN {place} THEN '{data}'" for place, data in enumerate(PASSAGES))
    data = {
        "passage": f"CASE lot / 7 % {len(PASSAGES)} {passages} END",
        "alert": f"'{ALERT}'",
        "announcement": f"'{ANNOUNCEMENT}'",
        "outage": f"'{OUTAGE}'",
        "service": f"'{STARTED}'",
        "models": f"'{MODELS_DATA}'",
    }
    cases = " ".join(f"WHEN '{kind}' THEN {told}" for kind, told in data.items())
    json = f"CASE kind {cases} END"
    statement = STATEMENT.format(
        number=number,
        sites=sites,
        cameras=cameras,
        since=float(since),
        step=(until - since) / number,
        kinds=kinds,
        id="md5(i::text)" if shared else "printf('%08x%024x', i * 2654435761 % 4294967296, i)",
        padded_site=_padded("site", shared=shared),
        padded_camera=_padded("camera", shared=shared),
        json=f"({json})::json" if shared else json,
    )
    with store.engine.connect() as connection:
        if shared:
            connection.exec_driver_sql("SET statement_timeout = 0")
        connection.execute(text(statement.replace(":", r"\:")))
        connection.commit()
    with store.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()


def three_sites(server):
    """Into a `harness.postgres.Postgres`: `site 01` is silent for three hours, `site 02` has a camera offline, `site 00` is up."""
    store = EventStore.shared(SecretStr(server.url), "test")
    postgres.create_tables(store.engine)
    now = time.time()
    fill(store, sites=3, cameras=4, number=6000, since=now - DAY_S, until=now - 600)
    store.add(
        [
            Event(
                uuid4().hex, EventKind.SERVICE, now - DAY_S, None, None, json.loads(STARTED), f"site 0{each}"
            )
            for each in range(3)
        ]
    )
    outage = json.loads(OUTAGE)
    store.add([Event(uuid4().hex, EventKind.OUTAGE, now - 1500, "camera 01", None, outage, "site 02")])
    store.close()
    # an hour ahead: however long somebody looks, they are not silent
    server.execute(
        "INSERT INTO sites SELECT 'site 0' || i, 'x', now() + interval '1 hour' FROM generate_series(0, 2) i"
    )
    server.execute("UPDATE sites SET seen_at = now() - interval '3 hours' WHERE site = 'site 01'")
    server.execute("UPDATE events SET at = at - 3 * 3600 WHERE site = 'site 01'")


def _padded(name, *, shared):
    return f"lpad({name}::text, 2, '0')" if shared else f"printf('%02d', {name})"
