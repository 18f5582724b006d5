"""DCNv4 (deformable convolution, version 4) for JAX: Triton on a GPU, C++ on a CPU, plain XLA anywhere."""

from dcnv4_jax.api import available, deform_conv

__all__ = ["available", "deform_conv"]
