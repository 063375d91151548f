"""Undo and redo for what a person edits on a page."""

from typing import Generic, TypeVar

MAX_UNDO = 200

State = TypeVar("State")


class UndoStack(Generic[State]):
    """The state of something that is edited, and those before and after it; the oldest of `MAX_UNDO` steps are dropped."""

    def __init__(self, start: State) -> None:
        self.start = start
        self._state = start
        self._before: list[State] = []
        self._after: list[State] = []

    @property
    def state(self) -> State:
        """The present one."""
        return self._state

    def step(self, state: State) -> None:
        """Go on to another state; what was undone cannot be done again."""
        self._before = [*self._before[-MAX_UNDO + 1 :], self._state]
        self._after = []
        self._state = state

    def replace(self, state: State) -> None:
        """Change the present state without a step for `undo`."""
        self._state = state

    @property
    def can_undo(self) -> bool:
        """Whether `undo` would change something."""
        return bool(self._before)

    @property
    def can_redo(self) -> bool:
        """Whether `redo` would."""
        return bool(self._after)

    def undo(self) -> bool:
        """Take the last step back; False when there is none."""
        return self._move(self._before, self._after)

    def redo(self) -> bool:
        """Do again the step that was undone last; False when there is none, or another step came since."""
        return self._move(self._after, self._before)

    def _move(self, from_states: list[State], to_states: list[State]) -> bool:
        if not from_states:
            return False
        to_states.append(self._state)
        self._state = from_states.pop()
        return True
