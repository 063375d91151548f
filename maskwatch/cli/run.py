"""`maskwatch run`: the service."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path, typer.Option("-c", "--config", help="The configuration file.")]


def run(config: Config) -> None:
    """Watch the cameras of a configuration until told to stop, and serve the console. SIGHUP reads the configuration again."""
    from maskwatch.app.console_process import ConsoleProcesses, own_settings
    from maskwatch.app.in_force import noted
    from maskwatch.app.service import RunningParts, Service
    from maskwatch.cli.sections import USES
    from maskwatch.config import load as configuration
    from maskwatch.platform import malloc
    from maskwatch.web.server import listening
    from maskwatch.web.service_view import ConfigInForce
    from maskwatch.web.starting import starting

    malloc.limit_arenas()
    in_force = ConfigInForce()

    def build(before: RunningParts | None) -> RunningParts:
        settings = configuration.load(config)
        with ExitStack() as stack:  # first: a taken port is told at once
            listener = stack.enter_context(listening(settings.web, before.web if before else None))
            if before is None:
                stack.enter_context(starting(settings.web, listener))
            from maskwatch.app import compose, servers  # loads torch, which takes seconds

            pipeline = compose.service_pipeline(settings)
            events = compose.event_recorder(settings, pipeline, before.events if before else None)
            private = servers.private_server(settings, pipeline, before.private if before else None, in_force)
            parts = RunningParts(pipeline, servers.web_server(settings, pipeline, listener), private, events)
        console.follow(
            enabled=settings.console.enabled,
            variables=configuration.used_variables(config, USES["console"]),
            settings=own_settings(settings),
        )
        return parts

    with ConsoleProcesses(config) as console:
        Service(noted(build, config, in_force)).run()
