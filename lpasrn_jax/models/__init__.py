"""The networks: generator, OCR and embedder. Images are float32 NHWC in [-1, 1]."""

from lpasrn_jax.models.embedder import Embedder, create_embedder
from lpasrn_jax.models.generator import Generator, create_generator
from lpasrn_jax.models.ocr import OCR, OCRLogits, create_ocr
from lpasrn_jax.models.plate_model import PlateModel

__all__ = ["OCR", "Embedder", "Generator", "OCRLogits", "PlateModel", "create_embedder", "create_generator", "create_ocr"]
