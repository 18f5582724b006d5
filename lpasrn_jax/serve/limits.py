"""What one request may ask of this machine."""

from __future__ import annotations

import dataclasses

from lpasrn_jax.frames import MAX_PIXELS
from lpasrn_jax.reading.sizes import MAX_TRACK_PIXELS


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of one request, and of requests together.

    Attributes:
      images: files.
      body_bytes: of the whole request.
      pixels: of all its images together, as they are decoded.
      plate_pixels: of all its plates together, as they are enhanced; larger ones are photographs that no corners were given for.
      upload_seconds: until the request has arrived.
      seconds: until it is answered, waiting included.
      at_once: requests held in memory; others wait before anything of them is read.
      connections: more are turned away.
    """

    images: int = 16
    body_bytes: int = 32 * 2**20
    pixels: int = MAX_PIXELS
    plate_pixels: int = MAX_TRACK_PIXELS
    upload_seconds: float = 20.0
    seconds: float = 60.0
    at_once: int = 8
    connections: int = 128


DEFAULT_LIMITS = Limits()
