"""What a fleet of cameras asks of the shared database and the network in a day; run by hand, on any machine.

    PYTHONPATH=tests python tests/harness/fleet_load.py --cameras 10000 [--plot FILE] [--price 0.10 --cameras-a-machine 16]

Days are drawn (`fleet_day.py`): so many people, alerts and outages by camera, a share of the doors busy, people when it is
day. What comes of them at the server is reckoned from the measured costs of `--costs`. `--price` is what you pay for a
machine-hour, in your money.
"""

import argparse
from pathlib import Path

import numpy as np

from harness import fleet_day

COSTS = Path(__file__).parents[2] / "docs" / "speed" / "postgresql-2-cores.json"
MONTH_H, MONTH_DAYS = 730, 30.4


def drawn(given, chance):
    """The load of one day of the whole fleet."""
    load, left = fleet_day.Load.none(), given.cameras
    while left > 0:
        number = min(given.cameras_a_service, left)
        doors = [given.busy if chance.random() < given.busy_share else given.quiet for _ in range(number)]
        fleet_day.add(load, fleet_day.draw(doors, chance), chance.uniform(0, fleet_day.HEARTBEAT_S))
        left -= number
    return load


def by_hour(values):
    return values.reshape(24, -1).mean(axis=1)


def told(given, load, asked):
    """Name, mean, and the worst that comes: of an hour, or of a second where it says so."""
    rows = load.rows.sum(axis=0)
    yield "events a day", f"{load.events.sum():,.0f}", ""
    yield "rows a second", f"{rows.mean():.1f}", f"{rows.max():.0f} in a second"
    yield "batches a second", f"{load.batches.mean():.1f}", f"{load.batches.max():.0f} in a second"
    yield "connections that are open", f"{load.open.mean():.0f}", f"{load.open.max():.0f}"
    yield (
        "connections that are made a second",
        f"{load.connections.mean():.1f}",
        f"{load.connections.max():.0f} in a second",
    )
    yield "memory of the connections, GB", "", f"{load.open.max() * given.figures.connection_mb / 1000:.1f}"
    for name in ("up", "down"):
        bits = 8 * asked[name] / 1e6
        yield f"Mbit/s {name}", f"{bits.mean():.2f}", f"{bits.max():.1f} in a second"
    yield (
        "bytes a camera and day, both ways",
        f"{(asked['up'] + asked['down']).sum() / given.cameras:,.0f}",
        "",
    )
    yield (
        "cores of the server",
        f"{asked['cpu_s'].mean():.2f}",
        f"{by_hour(asked['cpu_s']).max():.2f} in an hour",
    )
    yield "GB of events a month", f"{asked['disk'] * MONTH_DAYS / 1e9:.1f}", ""
    yield "GB of the server's journal a month", f"{asked['wal'] * MONTH_DAYS / 1e9:.1f}", ""
    made_up = fleet_day.returned(given.cameras // given.cameras_a_service, given.figures)
    yield "when it was away: cores meanwhile", f"{made_up:.2f}", "until all are back, within a minute"
    if given.price is not None:
        month = MONTH_H * given.price / given.cameras_a_machine
        yield "price of a camera's machine a month", f"{month:.2f}", f"{month * given.cameras:,.0f} for all"


def plot(load, asked, path):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 6.4), layout="constrained")
    FigureCanvasAgg(figure)
    hours = np.arange(24 * 60) / 60
    parts = (
        ("rows a second", load.rows.sum(axis=0), "#2060b0"),
        ("kbit/s to the server", 8 * asked["up"] / 1e3, "#d06010"),
        ("open connections", load.open, "#208050"),
        ("cores of the server", asked["cpu_s"], "#803080"),
    )
    for axes, (name, values, colour) in zip(figure.subplots(len(parts), sharex=True), parts, strict=True):
        minutes = values.reshape(24 * 60, 60)
        axes.fill_between(
            hours, minutes.min(axis=1), minutes.max(axis=1), color=colour, alpha=0.25, linewidth=0
        )
        axes.plot(hours, minutes.mean(axis=1), color=colour)
        axes.set(ylabel=name, ylim=(0, None), xlim=(0, 24), xticks=range(0, 25, 3))
        axes.grid(alpha=0.3)
    axes.set_xlabel("hour; lines: mean of a minute, bands: its least and its busiest second")
    figure.savefig(path, dpi=110)


def door(text):
    return fleet_day.Door(*map(float, text.split(",")))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cameras", type=int, default=10_000)
    parser.add_argument("--cameras-a-service", type=int, default=4)
    parser.add_argument(
        "--quiet", type=door, default=fleet_day.QUIET, metavar="PEOPLE,ALERTS[,OUTAGES]", help="in a day"
    )
    parser.add_argument("--busy", type=door, default=fleet_day.BUSY, metavar="PEOPLE,ALERTS[,OUTAGES]")
    parser.add_argument("--busy-share", type=float, default=0.2, help="of the cameras, 0 to 1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--costs", type=Path, default=COSTS, help="measured by fleet_measure.py")
    parser.add_argument("--price", type=float, help="of a machine-hour")
    parser.add_argument("--cameras-a-machine", type=int, default=16)
    parser.add_argument("--plot", type=Path, help="a PNG of the day")
    given = parser.parse_args()
    given.figures = fleet_day.Costs.read(given.costs)
    load = drawn(given, np.random.default_rng(given.seed))
    asked = fleet_day.reckon(load, given.figures)
    for name, mean, most in told(given, load, asked):
        print(f"{name:40}{mean:>12}   {most}")
    if given.plot:
        plot(load, asked, given.plot)


if __name__ == "__main__":
    main()
