"""The child process that renders one sentence: its order comes as JSON on standard input."""

import json
import sys

import pyttsx3


def main() -> int:
    """Render the order's `sentence` to the WAV file `path`; returns the exit status.

    The order also has `voice`, `words_per_minute` and `volume` (0..1). An error of the engine ends the
    process with its message and the exit status 1.
    """
    order = json.load(sys.stdin)
    engine = pyttsx3.init()
    errors: list[Exception] = []
    engine.connect("error", lambda exception, **_: errors.append(exception))  # else they are lost
    engine.setProperty("voice", order["voice"])
    engine.setProperty("rate", order["words_per_minute"])
    engine.setProperty("volume", order["volume"])
    engine.save_to_file(order["sentence"], order["path"])
    engine.runAndWait()
    if errors:
        sys.exit(str(errors[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
