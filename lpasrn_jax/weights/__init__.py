"""Weights, in every form that they travel in."""

DEFAULT = "base"  # the bundled weights that are taken where none are named
