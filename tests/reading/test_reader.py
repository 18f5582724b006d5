"""Enhancing and reading images, whatever they come as."""

import jax
import numpy as np
import pytest
from PIL import Image

import lpasrn_jax as lp
from lpasrn_jax import images
from lpasrn_jax.commands.main import run_command
from lpasrn_jax.errors import UserError
from lpasrn_jax.frames import frame_array
from lpasrn_jax.models import create_ocr
from lpasrn_jax.plates import BRAZIL
from lpasrn_jax.reading import programs
from lpasrn_jax.reading.decode import decode_slots
from lpasrn_jax.weights.bundle import Bundle, save_bundle
from lpasrn_jax.weights.load import load_weights
from tests.random_bundle import GENERATOR, OCR, part, random_bundle, track_bundle


@pytest.fixture(scope="module")
def bundle():
    return random_bundle()


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    """Saves a bundle and loads it as a user does."""
    return lambda bundle, **options: lp.load(save_bundle(tmp_path_factory.mktemp("weights") / "lite", bundle), **options)


@pytest.fixture(scope="module")
def reader(bundle, load):
    return load(bundle)


@pytest.fixture
def image(rng):
    return rng.integers(0, 256, (7, 20, 3), np.uint8)


def log_probs_of(bundle, *lr):
    """Slot log-probabilities of LR images, each by itself, straight through the networks: the mean over how it is, and SR."""
    enlarge, read = jax.jit(GENERATOR.apply), jax.jit(create_ocr(OCR, BRAZIL).apply)
    found = []
    for image in lr:
        sr = enlarge({"params": bundle.params["generator"]}, images.to_float(frame_array(image, None, (8, 24))[None]))
        as_it_is = images.to_float(frame_array(image, None, (16, 48))[None])
        slots = [read({"params": bundle.params["ocr"]}, seen).slots for seen in (as_it_is, sr)]
        found.append(np.mean(jax.nn.log_softmax(np.stack(slots)), axis=0)[0])
    return np.stack(found)


def test_an_image_of_the_training_size_is_what_the_generator_makes(bundle, reader, rng):
    image = rng.integers(0, 256, (8, 24, 3), np.uint8)
    sr = jax.jit(GENERATOR.apply)({"params": bundle.params["generator"]}, images.to_float(image[None]))
    np.testing.assert_array_equal(reader.enhance(image), images.to_uint8(sr)[0])


@pytest.mark.parametrize("size", [(4, 4), (7, 20), (9, 31), (40, 120), (5, 400)])
def test_any_size_comes_out_twice_as_large(reader, size, rng):
    sr = reader.enhance(rng.integers(0, 256, (*size, 3), np.uint8))
    assert (sr.shape, sr.dtype, reader.scale) == ((2 * size[0], 2 * size[1], 3), np.uint8, 2)
    assert sr.std() > 0


def test_images_of_many_sizes_share_four_programs(bundle, load, rng, monkeypatch):
    traced = []

    def counted(images_in):
        traced.append(images_in.shape)
        return to_float(images_in)

    to_float = images.to_float
    monkeypatch.setattr(programs.images, "to_float", counted)
    reader = load(bundle)
    for height in (5, 8, 9, 16, 17, 30, 32, 40, 64, 100, 300):
        reader.enhance(rng.integers(0, 256, (height, 3 * height, 3), np.uint8))
    assert traced == [(1, 8, 24, 3), (1, 16, 48, 3), (1, 32, 96, 3), (1, 64, 192, 3)]


def test_no_number_of_images_compiles_anew(bundle, load, rng, monkeypatch):
    traced = []
    to_float = images.to_float
    monkeypatch.setattr(programs.images, "to_float", lambda batch: traced.append(len(batch)) or to_float(batch))
    reader = load(bundle)
    for count in (1, 2, 4, 5, 6, 9, 32, 33, 40):
        assert len(reader.read_many(rng.integers(0, 256, (count, 8, 24, 3), np.uint8))) == count
    assert sorted(traced) == [1, 1, 5, 5, 32, 32]  # as they are, and enlarged


def test_a_reading_is_what_the_networks_say(bundle, reader, image):
    log_probs = log_probs_of(bundle, image)
    decoded = decode_slots(log_probs, BRAZIL.layout_masks())
    reading = reader.read(image)
    assert reading.text == BRAZIL.decode(decoded.classes[0])
    assert reading.layout == BRAZIL.layout_names[int(decoded.layout[0])]
    assert "".join(character for character, _ in reading.slots) == reading.text
    # What no layout allows has no probability: letters in slots 0 to 2, digits in 3, 5 and 6, either in 4.
    allowed = np.where(BRAZIL.layout_masks().any(axis=0), np.exp(log_probs[0]), 0)
    allowed /= allowed.sum(axis=-1, keepdims=True)
    expected = [allowed[k, c] for k, c in enumerate(decoded.classes[0])]
    np.testing.assert_allclose([p for _, p in reading.slots], expected, rtol=1e-4)
    np.testing.assert_allclose(reading.confidence, np.prod(expected), rtol=1e-3)
    for k, others in enumerate(reading.runners_up):
        order = [BRAZIL.alphabet[c] for c in np.argsort(-allowed[k]) if BRAZIL.alphabet[c] != reading.text[k]]
        assert [character for character, _ in others] == order[:3]


def test_images_in_a_batch_are_read_each_by_itself(reader, rng):
    batch = [rng.integers(0, 256, (h, 20, 3), np.uint8) for h in (5, 30, 7, 40, 8, 9)]  # small and large ones mixed
    for alone, together in zip(map(reader.read, batch), reader.read_many(batch), strict=True):
        assert (alone.text, alone.layout) == (together.text, together.layout)
        np.testing.assert_allclose(alone.confidence, together.confidence, rtol=1e-4)
    assert reader.read_many([]) == []


def test_an_image_larger_than_the_generator_takes_is_read_as_it_is(bundle, reader, rng):
    image = rng.integers(0, 256, (16, 48, 3), np.uint8)
    slots = jax.jit(create_ocr(OCR, BRAZIL).apply)({"params": bundle.params["ocr"]}, images.to_float(image[None])).slots
    assert reader.read(image).text == BRAZIL.decode(decode_slots(slots, BRAZIL.layout_masks()).classes[0])


def test_a_reading_names_the_images_that_it_was_read_in(bundle, reader, load, rng):
    small, large = rng.integers(0, 256, (8, 24, 3), np.uint8), rng.integers(0, 256, (16, 48, 3), np.uint8)
    assert [reading.source for reading in reader.read_many([small, large])] == ["original+sr", "original"]
    assert reader.read_track([small, large]).source == "original+sr"
    assert load(part(bundle, "ocr")).read(small).source == "original"
    fusing = load(track_bundle())
    assert [fusing.read_track(frames).source for frames in ([small], [small] * 2, [small, small, large], [large] * 2)] == [
        "original+sr", "original+fused", "original+fused", "original",
    ]  # fmt: skip
    halves = [fusing.evidence(frames) for frames in ([small], [small] * 2)]
    assert [(one.reading.source, one.pixels.source, one.generator.source) for one in halves] == [
        ("original+sr", "original", "sr"), ("original+fused", "original", "fused"),
    ]  # fmt: skip
    assert reader.read(small).to_dict()["source"] == "original+sr"


def test_an_image_is_read_without_the_generator_where_that_is_asked_for(bundle, reader, load, rng):
    """However small it is: an SR image of a small plate has no more pixels than the generator takes."""
    sr = reader.enhance(rng.integers(0, 256, (4, 12, 3), np.uint8))
    reading, alone = reader.read_as_it_is(sr, source="sr"), load(part(bundle, "ocr")).read(sr)
    assert (reading.text, reading.source) == (alone.text, "sr")
    np.testing.assert_allclose(reading.confidence, alone.confidence, rtol=1e-4)
    assert abs(reading.confidence / reader.read(sr).confidence - 1) > 1e-3
    with pytest.raises(UserError, match="source: 'bicubic' found; expected one of original, sr, fused"):
        reader.read_as_it_is(sr, source="bicubic")


def test_a_track_is_read_from_the_sum_of_its_frames(bundle, reader, rng):
    frames = rng.integers(0, 256, (5, 8, 24, 3), np.uint8)
    total = log_probs_of(bundle, *frames).sum(axis=0, keepdims=True)
    reading = reader.read_track(list(frames))
    assert reading.text == BRAZIL.decode(decode_slots(total, BRAZIL.layout_masks()).classes[0])
    assert reading.frames == 5
    one = reader.read_track(frames[:1])
    np.testing.assert_allclose(one.confidence, reader.read(frames[0]).confidence, rtol=1e-4)


@pytest.mark.parametrize("layout", BRAZIL.layout_names)
@pytest.mark.parametrize("fusion", ["log_probs", "hc", "mv", "mvcp"])
def test_a_given_layout_is_kept(reader, layout, fusion, rng):
    reading = reader.read_track(rng.integers(0, 256, (3, 8, 24, 3), np.uint8), layout=layout, fusion=fusion)
    assert reading.layout == layout
    assert BRAZIL.fits(reading.text, layout)


def test_the_temperature_of_the_weights_calibrates(bundle, load, image):
    warm = load(Bundle(bundle.params, bundle.config, {"temperature": 4.0, "frame_correlation": 0.5}))
    plain, calibrated = load(bundle), warm.read(image)
    assert (plain.calibrated, warm.calibrated) == (False, True)
    assert calibrated.text == plain.read(image).text
    assert calibrated.confidence < plain.read(image).confidence


def test_a_reading_below_the_wanted_confidence_is_rejected(bundle, load, image):
    image = image.repeat(2, axis=0).repeat(2, axis=1)  # to the size of a plate
    reading = load(bundle, min_confidence=1.0).read(image)
    assert reading.rejected
    assert str(reading).startswith("unreadable (best guess: ")
    sure = load(bundle, min_confidence=reading.confidence).read(image)
    assert not sure.rejected
    assert str(sure) == f"{sure.text} {sure.confidence:.1%}"


def test_the_device(reader, bundle, load):
    assert reader.device == "cpu:0"
    assert load(bundle, device="cpu").device == "cpu:0"
    if jax.default_backend() == "cpu":
        with pytest.raises(UserError, match="device: 'gpu' asked for, but JAX finds only cpu on this machine"):
            load(bundle, device="gpu")


@pytest.mark.parametrize(("networks", "call", "missing"), [
    (["generator"], "read", "ocr"), (["ocr"], "enhance", "generator"),
])  # fmt: skip
def test_weights_without_a_network_say_what_is_missing(bundle, load, image, networks, call, missing):
    with pytest.raises(UserError, match=f"{call}: these weights have no {missing}, only {networks[0]}; load weights with one"):
        getattr(load(part(bundle, *networks)), call)(image)


def test_without_a_generator_bicubic_plates_are_read(bundle, load, image):
    assert len(load(part(bundle, "ocr")).read(image).text) == 7


@pytest.mark.parametrize(("call", "message"), [
    (lambda reader, image: reader.read(image, layout="British"), "layout: 'British' is unknown; expected one of"),
    (lambda reader, image: reader.read_track([image], fusion="best"), "fusion: 'best' found"),
    (lambda reader, image: reader.read_track([]), "frames: none found"),
    (lambda reader, image: reader.read_many([image, image[:2]]), "image 1: is 20 x 2 pixels"),
])  # fmt: skip
def test_wrong_arguments(reader, image, call, message):
    with pytest.raises(UserError, match=message):
        call(reader, image)


def test_a_confidence_that_is_no_probability(bundle, load):
    with pytest.raises(UserError, match=r"min_confidence: 1.5 found; expected a probability in \[0, 1\]"):
        load(bundle, min_confidence=1.5)


def test_weights_whose_output_is_not_finite(bundle, load, image):
    """Finite ones, or they would be refused before: their products are infinite, and infinities of both signs meet."""
    alternating = jax.tree.map(lambda leaf: np.resize(np.float32([3e38, -3e38]), leaf.shape), bundle.params)
    with pytest.raises(UserError, match="the networks' output is not finite"):
        load(Bundle(alternating, bundle.config, {})).enhance(image)


def test_half_precision_that_overflows_is_computed_in_single(bundle, load, image):
    """A weight of 1e5 is infinite in float16: without a second try the picture is black."""
    params = jax.tree.map(np.copy, bundle.params)
    params["generator"]["shallow"] = jax.tree.map(lambda x: x * np.float32(1e5), params["generator"]["shallow"])
    halved = {**bundle.config, "model": {**bundle.config["model"], "dtype": "float16"}}
    single = load(Bundle(params, bundle.config, {})).enhance(image)
    np.testing.assert_array_equal(load(Bundle(params, halved, {})).enhance(image), single)


def test_a_file_a_pil_image_and_an_array_are_the_same(reader, image, tmp_path):
    Image.fromarray(image).save(tmp_path / "plate.png")
    from_array = reader.enhance(image)
    np.testing.assert_array_equal(reader.enhance(tmp_path / "plate.png"), from_array)
    np.testing.assert_array_equal(reader.enhance(str(tmp_path / "plate.png")), from_array)
    np.testing.assert_array_equal(reader.enhance(Image.fromarray(image)), from_array)


def test_a_folder_of_a_run_gives_its_best_checkpoint(trained, image):
    np.testing.assert_array_equal(lp.load(trained).enhance(image), lp.load(trained / "best").enhance(image))


def test_a_bundle_gives_the_same_image_as_its_checkpoint(trained, image, tmp_path):
    path = save_bundle(tmp_path / "plates", load_weights(trained / "best"))
    np.testing.assert_array_equal(lp.load(path).enhance(image), lp.load(trained / "best").enhance(image))


def test_the_benchmark_times_every_way_of_reading(bundle, tmp_path, capsys):
    with pytest.raises(SystemExit, match="^0$"):
        run_command("bench", ["--checkpoint", str(save_bundle(tmp_path / "lite", bundle)), "--rounds", "1", "--device", "cpu"])
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| read")]
    assert [row[0].split(",")[0] for row in rows] == ["| read", "| read_many", "| read_track"]
    for (_, milliseconds, rate), count in zip(rows, (64, 64, 5), strict=True):
        assert float(rate.rstrip(" |")) == pytest.approx(count / float(milliseconds) * 1e3, rel=0.05, abs=1)
