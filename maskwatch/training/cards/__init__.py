"""A model's file and its card: what it was trained on, how, and how good it is. One module a model."""
