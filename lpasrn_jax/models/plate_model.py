"""The model: the one place that makes networks from a config and runs them.

Training steps, validation, evaluation, reading and export all work with a `PlateModel`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from dcnv4_jax.convolution import left_to_xla
from lpasrn_jax import images
from lpasrn_jax.errors import UserError
from lpasrn_jax.models.embedder import Embedder, create_embedder
from lpasrn_jax.models.generator import Generator, create_generator
from lpasrn_jax.models.ocr import OCR, OCRLogits, create_ocr
from lpasrn_jax.models.params import check_params
from lpasrn_jax.models.plate_check import PlateCheck
from lpasrn_jax.models.track_generator import FrameFusion
from lpasrn_jax.plates import BRAZIL, PlateFormat
from lpasrn_jax.wording import counted

Config = Mapping[str, Any]  # a dict or an ml_collections config: sections by name
Params = Mapping[str, Any]  # a tree of arrays by the name of its network
Images = Float[Array, "b h w 3"]

LR_SIZE = (24, 72)  # default height and width: an LR frame is 18 to 21 pixels high, and its HR frame 34


def default_config() -> dict[str, dict[str, Any]]:
    """The sections that `PlateModel.from_config` takes, each key at its default.

    The attributes of `Generator` and `OCR` say what the keys of `model` mean; `fusion_details` is `FrameFusion.details`.
    """
    return {
        "plates": BRAZIL.config(),
        "data": {"lr_size": LR_SIZE},
        "model": {
            **_defaults(Generator),
            "fusion_details": FrameFusion.details,
            "ocr": {key: value for key, value in _defaults(OCR).items() if key != "dtype"},
        },
        "loss": {"embedding_dim": Embedder.dim, "use_lightweight_embedder": Embedder.backbone == "lightweight"},
    }


def _defaults(network: type[nn.Module]) -> dict[str, Any]:
    fields = dataclasses.fields(network)
    return {f.name: f.default for f in fields if f.name not in ("parent", "name") and f.default is not dataclasses.MISSING}


def _embedder(config: Config) -> Embedder:
    backbone = "lightweight" if config["loss"]["use_lightweight_embedder"] else "resnet18"
    return create_embedder({"backbone": backbone, "dim": config["loss"]["embedding_dim"]}, config["model"]["dtype"])


NETWORKS: dict[str, Callable[[Config], nn.Module]] = {
    "generator": lambda config: create_generator(config["model"]),
    "fusion": lambda config: FrameFusion(
        groups=config["model"]["deform_groups"],
        details=config["model"].get("fusion_details", FrameFusion.details),  # a key that older weights lack
        deform_implementation=config["model"]["deform_implementation"],
        dtype=config["model"]["dtype"],
    ),
    "ocr": lambda config: create_ocr(config["model"]["ocr"], PlateFormat.create(**config["plates"]), config["model"]["dtype"]),
    "embedder": _embedder,
    "plate_check": lambda config: PlateCheck(),
}


@dataclasses.dataclass(frozen=True, eq=False)
class PlateModel:
    """Networks by name, the format of the plates that they read, and the sizes of their images.

    Parameters are trees by the networks' names, images are in [-1, 1]. The methods that take both are pure, to be jitted,
    differentiated and composed. The text in the bicubic and in the SR image, in one program:

        {kind: model.log_probs(params, image) for kind, image in model.enlargements(params, lr).items()}

    Attributes:
      networks: some of `generator`, `fusion` (which makes a generator one of tracks), `ocr`, `embedder`, and `plate_check` (which
        makes an OCR one that knows what is no plate).
      plate_format: what the OCR can read.
      lr_size: height and width of the LR images that the networks are trained on; the generator takes others too.
      scale: of SR and HR images against LR.
      dtype: of the computation; parameters are float32.
      is_portable: see `portable`.
    """

    networks: Mapping[str, nn.Module]
    plate_format: PlateFormat
    lr_size: tuple[int, int]
    scale: int
    dtype: str
    is_portable: bool = False

    @classmethod
    def from_config(cls, config: Config, names: Collection[str]) -> PlateModel:
        """The networks of those names as a config describes them.

        Args:
          config: the sections `model`, `plates`, `data` and, for an embedder, `loss` of `default_config`; others are ignored.
          names: of the networks.

        Raises:
          UserError: for an unknown name, for a fusion without a generator, and for a plate check without an OCR.
        """
        for name in names:
            if name not in NETWORKS:
                raise UserError(f"stage.networks: {name!r} found; expected some of {', '.join(NETWORKS)}")
        if "fusion" in names and "generator" not in names:
            raise UserError("stage.networks: 'fusion' found without 'generator', whose frames it merges; add generator")
        if "plate_check" in names and "ocr" not in names:
            raise UserError("stage.networks: 'plate_check' found without 'ocr', whose encoding it takes; add ocr")
        height, width = config["data"]["lr_size"]
        return cls(
            networks={name: NETWORKS[name](config) for name in names},
            plate_format=PlateFormat.create(**config["plates"]),
            lr_size=(height, width),
            scale=config["model"]["scale"],
            dtype=config["model"]["dtype"],
        )

    @property
    def hr_size(self) -> tuple[int, int]:
        """Height and width of SR and HR images."""
        height, width = self.lr_size
        return height * self.scale, width * self.scale

    def with_dtype(self, dtype: str) -> PlateModel:
        """The same networks, computed in another precision."""
        networks = {
            name: network.clone(dtype=dtype) if name != "plate_check" else network for name, network in self.networks.items()
        }
        return dataclasses.replace(self, networks=networks, dtype=dtype)

    def portable(self) -> PlateModel:
        """The same model in plain XLA operations, which runs wherever XLA does and can be exported."""
        networks = {
            name: network.clone(deform_implementation="xla") if name in ("generator", "fusion") else network
            for name, network in self.networks.items()
        }
        return dataclasses.replace(self, networks=networks, is_portable=True)

    def init(self, key: Key[Array, ""]) -> dict[str, Any]:
        """New parameters; a network's own do not depend on which others there are."""
        lr, hr = (jnp.zeros((1, *size, 3)) for size in (self.lr_size, self.hr_size))
        inputs = {"generator": (lr,), "ocr": (hr,), "embedder": (hr,)}
        if "fusion" in self.networks:
            features = jnp.zeros((1, 2, *self.lr_size, self.networks["generator"].features))
            inputs["fusion"] = (features, jnp.zeros((1, 2, *self.lr_size, 3)), jnp.ones((1, 2), bool))
        if "plate_check" in self.networks:
            inputs["plate_check"] = (jnp.zeros((1, 1, self.networks["ocr"].widths[-1])),)
        return {name: network.init(key, *inputs[name])["params"] for name, network in self.networks.items()}

    @functools.cached_property
    def shapes(self) -> dict[str, Any]:
        """The parameters' shapes and dtypes, found without computing any."""
        return jax.eval_shape(self.init, jax.random.key(0))

    def check(self, what: str, params: Params, plate_format: PlateFormat) -> None:
        """Refuses parameters of other networks.

        Args:
          what: whose parameters they are, for the message.
          params: of all networks of the model.
          plate_format: of the plates that they were trained to read; its layouts may be others, since no network knows them.

        Raises:
          UserError: naming both alphabets, both lengths, or both shapes.
        """
        theirs, ours = plate_format, self.plate_format
        if "ocr" in self.networks and theirs.alphabet != ours.alphabet:
            raise UserError(f"{what}: the OCR reads the alphabet {theirs.alphabet}, this model {ours.alphabet}")
        if "ocr" in self.networks and theirs.length != ours.length:
            raise UserError(f"{what}: the OCR reads plates of {counted(theirs.length, 'character')}, this model of {ours.length}")
        if "ocr" in self.networks and theirs.has_unused != ours.has_unused:
            lengths = {False: "of one length", True: "of several lengths"}
            raise UserError(f"{what}: the OCR reads plates {lengths[theirs.has_unused]}, this model {lengths[ours.has_unused]}")
        check_params(what, self.shapes, params)

    def enlarge(self, params: Params, lr: Images) -> Float[Array, "b rh rw 3"]:
        """SR images."""
        return self._apply("generator", params, lr)

    def enlarge_track(
        self, params: Params, frames: Float[Array, "b f h w 3"], present: Bool[Array, "b f"]
    ) -> Float[Array, "b rh rw 3"]:
        """One SR image per track, of the first frame's moment and place.

        Args:
          params: of the generator and the fusion.
          frames: of one size, roughly registered (`registration.register`), the reference first.
          present: False for a frame that only fills up the track.
        """
        b, f, h, w, _ = frames.shape
        features = self._apply("generator", params, frames.reshape(b * f, h, w, 3), method="extract")
        merged, image = self._apply("fusion", params, features.reshape(b, f, h, w, -1), frames, present)
        return self._apply("generator", params, merged, image, method="render")

    def enlargements(
        self, params: Params, lr: Images, track: Float[Array, "b f h w 3"] | None = None
    ) -> dict[str, Float[Array, "b rh rw 3"]]:
        """LR images at the size of SR by the way: `bicubic`; `sr` where there is a generator; `fused` of a track's frames."""
        made = {"bicubic": images.bicubic_upscale(lr, self.scale)}
        if "generator" in self.networks:
            made["sr"] = self.enlarge(params, lr)
        if track is not None:
            made["fused"] = self.enlarge_track(params, track, jnp.ones(track.shape[:2], bool))
        return made

    def logits(self, params: Params, hr: Images) -> OCRLogits:
        """Logits of both heads of the OCR for images of the size of SR."""
        return self._apply("ocr", params, hr)

    def log_probs(self, params: Params, hr: Images) -> Float[Array, "b k v"]:
        """Log-probabilities of the characters in each slot."""
        return self.logits(params, hr).slot_log_probs

    def read(self, params: Params, hr: Images) -> tuple[Float[Array, "b k v"], Float[Array, " b"] | None]:
        """Log-probabilities of the characters in each slot, and the log-odds that images show a plate that can be read.

        None for the latter without a plate check.
        """
        logits = self.logits(params, hr)
        odds = self._apply("plate_check", params, logits.encoding) if "plate_check" in self.networks else None
        return logits.slot_log_probs, odds

    def embed(self, params: Params, hr: Images) -> Float[Array, "b d"]:
        """Embeddings of length 1."""
        return self._apply("embedder", params, hr)

    def _apply(self, name: str, params: Params, *inputs: Array, method: str | None = None) -> Any:
        return _output(self.networks[name], params[name], *inputs, method=method, is_portable=self.is_portable)


@functools.partial(jax.jit, static_argnames=("network", "method", "is_portable"))
def _output(network: nn.Module, params: Params, *inputs: Array, method: str | None, is_portable: bool) -> Any:
    """Jitted, though inside of other jitted functions, so that a network is traced once for all its uses at a shape."""
    with left_to_xla() if is_portable else contextlib.nullcontext():
        return network.apply({"params": params}, *inputs, method=method)
