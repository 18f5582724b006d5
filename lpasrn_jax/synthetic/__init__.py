"""Synthetic tracks: a plate is rendered, mounted on a car, and seen by a surveillance camera; or photographs of plates are."""

from lpasrn_jax.synthetic.photographs import read_labels, write_photograph_tracks
from lpasrn_jax.synthetic.tracks import write_tracks

__all__ = ["read_labels", "write_photograph_tracks", "write_tracks"]
