"""Synthetic tracks: a plate is drawn, mounted on a car, and seen by a surveillance camera."""

from lpasrn_jax.synthetic.tracks import write_tracks

__all__ = ["write_tracks"]
