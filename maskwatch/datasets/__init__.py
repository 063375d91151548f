"""Labelled images: formats, splits, preparation, statistics."""
