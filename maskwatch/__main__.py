"""Where the program starts: `maskwatch`, or `python -m maskwatch`."""

from _signal import SIG_DFL, SIG_IGN, SIGINT, getsignal, signal  # type: ignore[import-not-found] # at hand at once; `signal` itself loads more


def main() -> None:
    """Import the command line and run it. Until it sees to Ctrl-C itself, Ctrl-C ends the process: nothing is begun yet."""
    if getsignal(SIGINT) != SIG_IGN:  # in the background of a shell it stays ignored
        signal(SIGINT, SIG_DFL)
    from maskwatch.cli import main as run_command_line

    run_command_line()


if __name__ == "__main__":
    main()
