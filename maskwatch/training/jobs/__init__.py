"""Whole trainings, a file a model: labelled folders in, weights with their card out. One that was stopped goes on."""
