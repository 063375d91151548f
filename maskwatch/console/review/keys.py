"""What each key does on a picture. The page and its help are made from this one table."""

from dataclasses import dataclass
from enum import StrEnum

from maskwatch.datasets.labels import AnnotationLabel


class Action(StrEnum):
    """What a key does to the image that is shown."""

    ACCEPT = "accept"
    NEXT = "next"
    PREVIOUS = "previous"
    PROTECTED = "protected"
    UNPROTECTED = "unprotected"
    WORN_WRONG = "worn_wrong"
    UNKNOWN = "unknown"
    REMOVE = "remove"
    SELECT_NEXT = "select_next"
    SELECT_PREVIOUS = "select_previous"
    NEW_BOX = "new_box"
    TAKE = "take_suggestion"
    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"
    NARROWER = "narrower"
    WIDER = "wider"
    LOWER = "lower"
    TALLER = "taller"
    RESET = "reset"
    UNDO = "undo"
    HELP = "help"
    GALLERY = "gallery"


@dataclass(frozen=True, slots=True)
class Key:
    """`names` are those of the browser's `KeyboardEvent.key`, letters small; with `shift` only with that key."""

    names: tuple[str, ...]
    action: Action
    shift: bool | None = None


KEYS = (
    Key(("Enter", " "), Action.ACCEPT),
    Key(("ArrowRight", "n"), Action.NEXT),
    Key(("ArrowLeft", "p"), Action.PREVIOUS),
    Key(("1",), Action.PROTECTED),
    Key(("2",), Action.UNPROTECTED),
    Key(("3",), Action.WORN_WRONG),
    Key(("4", "Delete", "Backspace"), Action.REMOVE),
    Key(("5",), Action.UNKNOWN),
    Key(("Tab",), Action.SELECT_NEXT, shift=False),
    Key(("Tab",), Action.SELECT_PREVIOUS, shift=True),
    Key(("b",), Action.NEW_BOX),
    Key(("f",), Action.TAKE),
    Key(("a",), Action.LEFT, shift=False),
    Key(("d",), Action.RIGHT, shift=False),
    Key(("w",), Action.UP, shift=False),
    Key(("s",), Action.DOWN, shift=False),
    Key(("a",), Action.NARROWER, shift=True),
    Key(("d",), Action.WIDER, shift=True),
    Key(("w",), Action.LOWER, shift=True),
    Key(("s",), Action.TALLER, shift=True),
    Key(("m",), Action.RESET),
    Key(("z",), Action.UNDO),
    Key(("?", "h"), Action.HELP),
    Key(("Escape", "g"), Action.GALLERY),
)

LABEL_OF = {
    Action.PROTECTED: AnnotationLabel.PROTECTED,
    Action.UNPROTECTED: AnnotationLabel.UNPROTECTED,
    Action.WORN_WRONG: AnnotationLabel.WORN_WRONG,
    Action.UNKNOWN: AnnotationLabel.UNKNOWN,
}
MOVES = {Action.LEFT: (-1, 0), Action.RIGHT: (1, 0), Action.UP: (0, -1), Action.DOWN: (0, 1)}
SIZES = {Action.NARROWER: (-1, 0), Action.WIDER: (1, 0), Action.LOWER: (0, -1), Action.TALLER: (0, 1)}
NOT_A_FACE = "not_a_face"
CHOICES = tuple(
    {"label": label, "key": key.names[0], "text": label.replace("_", " ")}
    for key in KEYS
    if (label := NOT_A_FACE if key.action is Action.REMOVE else LABEL_OF.get(key.action, "")) != ""
)
"""What each face's buttons say; `NOT_A_FACE` is no label, but takes the box away."""

HELP = (
    ("Enter, Space", "right as it is: save and go on"),
    ("1", "protected: the mask covers nose and mouth"),
    ("2", "unprotected: no mask"),
    ("3", "worn wrong: nose or mouth are free"),
    ("4, Delete", "not a face: remove the box"),
    ("5", "unknown: nobody can tell"),
    ("Tab, Shift Tab", "the next box, the one before"),
    ("b", "a new box in the middle; or drag one with the mouse"),
    ("f", "the first dashed box is a face; or click on one"),
    ("w a s d", "move the box; with Shift its size"),
    ("m", "all boxes as the models say"),
    ("z", "undo, also what was saved"),
    ("→ ←, n p", "the next picture, the one before; changes are saved"),
    ("+ -, 0", "closer, farther, all; or the wheel. Shift and drag moves the view"),
    ("Esc, g", "back to the gallery"),
    ("?, h", "this help"),
)


def action_of(name: str, *, shift: bool) -> Action | None:
    """The action of a key, by the browser's name of it (letters small); None where it has none."""
    for key in KEYS:
        if name in key.names and key.shift in (None, shift):
            return key.action
    return None


def all_names() -> list[str]:
    """The browser's names of all keys in use, sorted."""
    return sorted({name for key in KEYS for name in key.names})
