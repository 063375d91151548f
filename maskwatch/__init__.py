"""maskwatch: says, at any moment, whether the people in view wear masks."""

__version__ = "0.1.0"
