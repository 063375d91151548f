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
    REDO = "redo"
    HELP = "help"
    GALLERY = "gallery"


@dataclass(frozen=True, slots=True)
class Key:
    """`names` are those of the browser's `KeyboardEvent.key`, letters small; with `shift` only with that key.

    With `control` the key is held with Ctrl, or Command on a Mac.
    """

    names: tuple[str, ...]
    action: Action
    shift: bool | None = None
    control: bool = False


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
    Key(("z",), Action.UNDO, shift=False),
    Key(("z",), Action.REDO, shift=True),
    Key(("z",), Action.UNDO, shift=False, control=True),
    Key(("z",), Action.REDO, shift=True, control=True),
    Key(("y",), Action.REDO, control=True),
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
    (label, key.names[0])
    for key in KEYS
    if (label := NOT_A_FACE if key.action is Action.REMOVE else LABEL_OF.get(key.action, "")) != ""
)
"""Each face's buttons with their keys; `NOT_A_FACE` is no label, but takes the box away."""

HELP = (
    ("Enter, Space", "key_accept"),
    ("1", "key_protected"),
    ("2", "key_unprotected"),
    ("3", "key_worn_wrong"),
    ("4, Delete", "key_remove"),
    ("5", "key_unknown"),
    ("Tab, Shift Tab", "key_select"),
    ("b", "key_box"),
    ("f", "key_take"),
    ("w a s d", "key_move"),
    ("m", "key_reset"),
    ("z, Ctrl Z", "key_undo"),
    ("Shift Z, Ctrl Shift Z", "key_redo"),
    ("→ ←, n p", "key_turn"),
    ("+ -, 0", "key_look"),
    ("Esc, g", "key_gallery"),
    ("?, h", "key_help"),
)
"""Keys, and the text of `texts/review.yaml` that tells what they do."""


def action_of(name: str, *, shift: bool, control: bool = False) -> Action | None:
    """The action of a key, by the browser's name of it (letters small); None where it has none."""
    for key in KEYS:
        if name in key.names and key.shift in (None, shift) and key.control is control:
            return key.action
    return None


def all_names(*, control: bool = False) -> list[str]:
    """The browser's names of all keys in use, sorted; with `control`, of those that are held with Ctrl."""
    return sorted({name for key in KEYS if key.control is control for name in key.names})
