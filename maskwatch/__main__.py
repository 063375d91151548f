"""Where the program starts: `maskwatch`, or `python -m maskwatch`."""

import signal


def main() -> None:
    """Import the command line and run it. Until it sees to Ctrl-C itself, Ctrl-C ends the process: nothing is begun yet."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # in the background of a shell it stays ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from maskwatch.cli import main as run_command_line

    run_command_line()


if __name__ == "__main__":
    main()
