"""What every card says alike."""

from collections.abc import Mapping


def listed(recipe: Mapping[str, object]) -> list[str]:
    """A recipe's settings, a line of Markdown each."""
    return [f"- {key.replace('_', ' ')}: {value}" for key, value in recipe.items()]
