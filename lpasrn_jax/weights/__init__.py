"""Weights, in every form that they travel in."""

DEFAULT = "lite"  # the bundled weights that are taken where none are named
