"""A local web page that enhances and reads plates: lpasrn serve

Drop an image of a plate, several frames of one, or a photograph in which you mark the plate. The page is served on this machine's
own address, 127.0.0.1, which no other machine reaches, and nothing that is sent to it is stored. Programs call POST /read and
POST /enhance; /api.html explains both.
"""

from __future__ import annotations

import argparse

import lpasrn_jax as lp
from lpasrn_jax import runtime
from lpasrn_jax.serve.server import DEFAULT_PORT, serve
from lpasrn_jax.weights import DEFAULT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", default=DEFAULT, help="a checkpoint, a .safetensors file, or the bundled %(default)s")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="of 127.0.0.1; 0 takes any that is free (%(default)s)")
    parser.add_argument("--min-confidence", type=float, default=0.2, help="readings below it cannot be read (%(default)s)")
    parser.add_argument("--device", help="cpu or gpu; the fastest there is if not given")
    parser.add_argument("--open", action="store_true", help="show the page in the browser")


def run(flags: argparse.Namespace) -> None:
    runtime.enable_compilation_cache()
    reader = lp.load(flags.checkpoint, device=flags.device, min_confidence=flags.min_confidence)
    serve(reader, port=flags.port, open_browser=flags.open)
