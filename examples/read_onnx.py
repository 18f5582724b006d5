"""Reads a plate with ONNX Runtime alone, no JAX: python examples/read_onnx.py reader.onnx plate.jpg

`lpasrn export --out reader.onnx` writes the program. The image has to be filled by the plate.
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image

program, image = sys.argv[1:]
session = onnxruntime.InferenceSession(program, providers=["CPUExecutionProvider"])
about = session.get_modelmeta().custom_metadata_map
_, height, width, _ = session.get_inputs()[0].shape
lr = np.asarray(Image.open(image).convert("RGB").resize((width, height), Image.Resampling.BICUBIC), np.float32)
sr, log_probs = session.run(None, {"images": lr[None] / 127.5 - 1})

Image.fromarray(np.clip(np.rint((sr[0] + 1) * 127.5), 0, 255).astype(np.uint8)).save("sr.png")
is_letter = np.array([character.isalpha() for character in about["alphabet"]])
candidates = []
for layout in json.loads(about["layouts"]).values():  # such as LLLNNNN: L is a letter, N a digit
    allowed = np.where([is_letter if kind == "L" else ~is_letter for kind in layout], log_probs[0], -np.inf)
    candidates.append((allowed.max(axis=1).sum(), "".join(about["alphabet"][c] for c in allowed.argmax(axis=1))))
score, text = max(candidates)
print(f"{text} {np.exp(score):.1%}; the SR image is in sr.png")
