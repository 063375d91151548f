"""What a key or a button does to the boxes of the picture. Pure."""

from maskwatch.console.review.editing import Editing
from maskwatch.console.review.keys import LABEL_OF, MOVES, SIZES, Action


def apply(action: Action, editing: Editing) -> None:
    """Do it; what is no work on boxes changes nothing."""
    match action:
        case Action.REMOVE:
            editing.remove()
        case Action.SELECT_NEXT | Action.SELECT_PREVIOUS:
            editing.select_next(1 if action is Action.SELECT_NEXT else -1)
        case Action.NEW_BOX:
            editing.draw()
        case Action.TAKE:
            editing.take()
        case Action.RESET:
            editing.as_the_models_say()
        case _ if action in LABEL_OF:
            editing.label(LABEL_OF[action])
        case _ if action in MOVES:
            editing.nudge(*MOVES[action])
        case _ if action in SIZES:
            editing.nudge(*SIZES[action], resize=True)
