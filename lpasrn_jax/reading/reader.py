"""The public API: enhance an image, read a plate or a track, say what a reading rests on."""

from __future__ import annotations

import concurrent.futures
import functools
from collections.abc import Callable, Iterable, Sequence

import jax
import numpy as np
from jaxtyping import Bool, Float, UInt8

from lpasrn_jax import images
from lpasrn_jax.errors import UserError
from lpasrn_jax.frames import frame_array
from lpasrn_jax.plates import PlateFormat
from lpasrn_jax.reading.arguments import candidate_masks, check_images, check_kind, check_source
from lpasrn_jax.reading.evidence import Evidence, total_variation
from lpasrn_jax.reading.fusion import FUSIONS, find_fusion, fuse
from lpasrn_jax.reading.inputs import ImageLike, rgb_image
from lpasrn_jax.reading.plate_check import PlateImages, mark_no_plate, shape_reason
from lpasrn_jax.reading.programs import ReadingPrograms
from lpasrn_jax.reading.reading import FUSED, ORIGINAL, SR, Reading, create_reading, slot_probabilities, with_original
from lpasrn_jax.reading.region import Region
from lpasrn_jax.reading.sizes import check_enlarged, check_track, working_size
from lpasrn_jax.registration import register
from lpasrn_jax.weights.bundle import Bundle, Calibration
from lpasrn_jax.witnesses import AS_IT_IS, ENLARGED, frame_log_probs, look_log_probs

LATER = {"generator": "stage 2 or later", "ocr": "stage 2 or later", "fusion": "stage track"}  # who has a network

RGB = UInt8[np.ndarray, "h w 3"]
Box = Sequence[float]
Corners = Sequence[Sequence[float]]


class Reader:
    """Makes plates legible and reads them.

    Args:
      bundle: weights of a generator, an OCR, or both.
      device: where the networks run.
      min_confidence: readings below it are marked as rejected.
    """

    def __init__(self, bundle: Bundle, device: jax.Device, min_confidence: float = 0.0):
        self._model = bundle.model
        self._programs = ReadingPrograms(bundle.model, bundle.params, device)
        self._stored_calibration = bundle.calibration
        self._calibration = bundle.calibration or Calibration()
        self._create = functools.partial(create_reading, plate_format=self.plate_format, min_confidence=min_confidence)

    @property
    def scale(self) -> int:
        """How many times as large an enhanced image is."""
        return self._model.scale

    @property
    def plate_format(self) -> PlateFormat:
        """The texts that can be read."""
        return self._model.plate_format

    @property
    def lr_size(self) -> tuple[int, int]:
        """Height and width of the LR images that the networks were trained on."""
        return self._model.lr_size

    @property
    def enhances(self) -> bool:
        """Whether there is a generator."""
        return "generator" in self._model.networks

    @property
    def fuses(self) -> bool:
        """Whether one image can be made of several."""
        return "fusion" in self._model.networks

    @property
    def reads(self) -> bool:
        """Whether there is an OCR."""
        return "ocr" in self._model.networks

    @property
    def knows_plates(self) -> bool:
        """Whether the weights can tell a plate from another image of its shape."""
        return "plate_check" in self._model.networks

    @property
    def device(self) -> str:
        """The device that computes, such as `cpu:0` or `gpu:0 (NVIDIA H200)`."""
        device = self._programs.device
        kind = "" if device.platform == "cpu" else f" ({device.device_kind})"
        return f"{device.platform}:{device.id}{kind}"

    @property
    def calibrated(self) -> bool:
        """Whether a calibration came with the weights; without one the confidence is the network's own, often too high."""
        return self._stored_calibration is not None

    def enhance(
        self, image: ImageLike, *, box: Box | None = None, corners: Corners | None = None
    ) -> UInt8[np.ndarray, "rh rw 3"]:
        """The image, `scale` times as large and legible.

        The network sees it at the size that it was trained on, or at 2, 4 or 8 times that where the image is larger, so that
        plates of all sizes share four programs; the result is then brought to `scale` times the image's own size.

        Args:
          image: a path, a PIL image or an array, see `inputs.rgb_image`.
          box, corners: of the plate where it does not fill the image, see `Region`.

        Raises:
          UserError: for what is no image, for one that would become larger than `frames.MAX_PIXELS`, and for weights without a
            generator.
        """
        self._need("generator", "enhance")
        rgb = Region(box, corners).cut(rgb_image(image))
        h, w, _ = rgb.shape
        check_enlarged(h, w, self.scale)
        sr = self._programs.enlarge([frame_array(rgb, None, working_size(h, w, self.lr_size))])
        return frame_array(images.to_uint8(sr)[0], None, (h * self.scale, w * self.scale))

    def enhance_track(
        self, frames: Iterable[ImageLike], *, box: Box | None = None, corners: Corners | None = None
    ) -> UInt8[np.ndarray, "rh rw 3"]:
        """One image of a plate from several images of it, `scale` times as large as the first.

        It shows the first frame's moment and place, so give the best frame first. Others are registered to it roughly, then
        aligned by the network, which gives little weight to what does not fit. One frame gives what `enhance` gives.

        Args:
          frames: at least one image, each as `enhance` takes it; their sizes may differ.
          box, corners: of the plate in all frames alike, see `Region`.

        Raises:
          UserError: for what is no image, for no frame, for more pixels than `sizes.MAX_TRACK_PIXELS` in all frames, and
            for weights without a generator or without a fusion.
        """
        self._need("generator", "enhance_track")
        self._need("fusion", "enhance_track")
        fitted = []
        for i, frame in enumerate(check_images("frames", frames)):
            rgb = Region(box, corners).cut(rgb_image(frame, f"frame {i}"), f"frame {i}")
            if i == 0:
                h, w, _ = rgb.shape
                check_enlarged(h, w, self.scale)
                size = working_size(h, w, self.lr_size)
            check_track(i + 1, size)
            fitted.append(frame_array(rgb, None, size))
        if not fitted:
            raise UserError("frames: none found; expected at least one image of the plate")
        sr = self._programs.enlarge_track(register(np.stack(fitted)))
        return frame_array(images.to_uint8(sr[None])[0], None, (h * self.scale, w * self.scale))

    def read(
        self, image: ImageLike, *, layout: str | None = None, box: Box | None = None, corners: Corners | None = None
    ) -> Reading:
        """The text of the plate in an image; an image that shows none gives a reading whose `is_plate` is False.

        Args:
          image: a path, a PIL image or an array, see `inputs.rgb_image`.
          layout: of the plate; detected if not given.
          box, corners: of the plate where it does not fill the image, see `Region`.

        Raises:
          UserError: for what is no image, an unknown layout, and for weights without an OCR.
        """
        return self.read_many([image], layout=layout, box=box, corners=corners)[0]

    def read_many(
        self, many: Iterable[ImageLike], *, layout: str | None = None, box: Box | None = None, corners: Corners | None = None
    ) -> list[Reading]:
        """Each image read by itself, in batches; arguments and errors are those of `read`."""
        self._need("ocr", "read")
        masks = candidate_masks(self.plate_format, layout)
        plates = PlateImages(check_images("many", many), Region(box, corners), self._model)
        if not plates.fitted:
            return []
        log_probs, plate_log_odds, enlarged = self._look_twice(plates, self._programs.read_enlarged)
        if small := [*plates.small]:
            log_probs[small] = frame_log_probs({AS_IT_IS: log_probs[small], ENLARGED: enlarged})
        sources = (with_original(SR) if i in plates.small else ORIGINAL for i in range(len(log_probs)))
        readings = [self._reading(one[None], masks, source) for one, source in zip(log_probs, sources, strict=True)]
        return [mark_no_plate(*pair) for pair in zip(readings, plates.reasons(plate_log_odds), strict=True)]

    def read_as_it_is(self, image: ImageLike, *, layout: str | None = None, source: str = ORIGINAL) -> Reading:
        """The text that the OCR reads in an image by itself, without the generator: what an enhanced image says.

        Args:
          image, layout: as in `read`.
          source: of the reading: `sr` for an image that `enhance` made, `fused` for one that `enhance_track` made.

        Raises:
          UserError: as `read`, and for an unknown source.
        """
        self._need("ocr", "read_as_it_is")
        check_source(source)
        plates = PlateImages([image], Region(), self._model)
        log_probs, plate_log_odds = self._programs.read(plates.fitted)
        reading = self._reading(log_probs, candidate_masks(self.plate_format, layout), source)
        return mark_no_plate(reading, *plates.reasons(plate_log_odds))

    def read_track(
        self,
        frames: Iterable[ImageLike],
        *,
        layout: str | None = None,
        fusion: str = "log_probs",
        box: Box | None = None,
        corners: Corners | None = None,
    ) -> Reading:
        """The text of one plate from several images of it.

        Args:
          frames: at least one image, each as `read` takes it.
          layout: of the plate; detected if not given.
          fusion: the rule that makes one text of the frames', see `fusion.FUSIONS`. Probabilities are always those of the summed
            log-probabilities.
          box, corners: of the plate in all frames alike, see `Region`.

        Raises:
          UserError: as `read`, for no frame, and for an unknown fusion.
        """
        self._need("ocr", "read")
        self.check(layout=layout, fusion=fusion)
        masks = candidate_masks(self.plate_format, layout)
        plates = PlateImages(check_images("frames", frames), Region(box, corners), self._model)
        if not plates.fitted:
            raise UserError("frames: none found; expected at least one image of the plate")
        log_probs, plate_log_odds, generated = self._look_twice(plates, self._generated_log_probs)
        source = ORIGINAL
        if small := [*plates.small]:
            log_probs[small], source = look_log_probs(log_probs[small], generated), with_original(self._generated(len(small)))
        return mark_no_plate(self._reading(log_probs, masks, source, fusion), plates.track_reason(plate_log_odds))

    def evidence(
        self, frames: Iterable[ImageLike], *, layout: str | None = None, box: Box | None = None, corners: Corners | None = None
    ) -> Evidence:
        """What of a reading comes from the pixels, and what from the generator, which knows what plates look like.

        Args:
          frames: one image of a plate or several; arguments are those of `read_track`.

        Raises:
          UserError: as `read_track`; for weights without a generator; where every image has more pixels than the generator takes,
            for such images are read without it.
        """
        self._need("ocr", "evidence")
        self._need("generator", "evidence")
        masks = candidate_masks(self.plate_format, layout)
        plates = PlateImages(check_images("frames", frames), Region(box, corners), self._model)
        if not plates.small:
            raise UserError(
                f"frames: none of at most {self.lr_size[1]} x {self.lr_size[0]} pixels found; larger ones are "
                "read from their pixels alone, without the generator"
            )
        as_it_is, plate_log_odds, generated = self._look_twice(plates, self._generated_log_probs)
        small, both = [*plates.small], as_it_is.copy()
        source = self._generated(len(small))
        both[small] = look_log_probs(as_it_is[small], generated)
        return Evidence(
            mark_no_plate(self._reading(both, masks, with_original(source)), plates.track_reason(plate_log_odds)),
            self._reading(as_it_is, masks, ORIGINAL),
            self._reading(generated, masks, source),
            total_variation(*(slot_probabilities(one, masks, self._calibration) for one in (both, as_it_is))),
        )

    def _look_twice(
        self, plates: PlateImages, read_generated: Callable[[Sequence[RGB]], Float[np.ndarray, "g k v"]]
    ) -> tuple[Float[np.ndarray, "n k v"], Float[np.ndarray, " n"] | None, Float[np.ndarray, "g k v"] | None]:
        """What the OCR says about the images as they are, the log-odds that they show a plate, and what it says about those that
        the generator makes of the small ones, None without these.

        Both at a time, in two threads: one program by itself leaves the processor's cores idle in part.
        """
        if not plates.small:
            return *self._programs.read(plates.fitted), None
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            as_it_is = thread.submit(self._programs.read, plates.fitted)
            generated = read_generated([*plates.small.values()])
            return *as_it_is.result(), generated

    def _generated_log_probs(self, lr: Sequence[RGB]) -> Float[np.ndarray, "g k v"]:
        """What the OCR says about the generator's images, the one of all frames or else that of each."""
        if self._generated(len(lr)) == FUSED:
            return self._programs.read_track(register(np.stack(lr)))[None]
        return self._programs.read_enlarged(lr)

    def _generated(self, frames: int) -> str:
        """Which images the generator makes of so many frames: one of all, or one of each."""
        return FUSED if self.fuses and frames > 1 else SR

    def shape_reason(self, image: RGB) -> str:
        """Why an image has not the size and shape of one that a plate fills; empty where it may."""
        return shape_reason(*image.shape[:2], self._model)

    def check(self, *, layout: str | None, fusion: str) -> None:
        """Raise UserError for an unknown layout or fusion, before anything is read."""
        candidate_masks(self.plate_format, layout)
        check_kind("fusion", fusion, str, f"one of {', '.join(FUSIONS)}")
        find_fusion(fusion)

    def _reading(
        self, log_probs: Float[np.ndarray, "f k v"], masks: Bool[np.ndarray, "l k v"], source: str, fusion: str = "log_probs"
    ) -> Reading:
        classes = fuse(fusion, log_probs[None], masks).classes[0]
        probabilities = slot_probabilities(log_probs, masks, self._calibration)
        return self._create(classes, probabilities, frames=len(log_probs), source=source)

    def _need(self, network: str, purpose: str) -> None:
        if network not in self._model.networks:
            raise UserError(
                f"{purpose}: these weights have no {network}, only {', '.join(self._model.networks)}; "
                f"load weights with one, such as the checkpoint of {LATER[network]}"
            )
