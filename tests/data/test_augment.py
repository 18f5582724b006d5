"""Augmentation: the same warp for LR and HR, a camera for LR alone, nothing at strength zero."""

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from lpasrn_jax.data import augment

OFF = {**dict.fromkeys(augment.DEFAULTS, 0.0), "enabled": True, "jpeg_quality": (100, 100)}
GEOMETRY_ONLY = {**OFF, **{name: augment.DEFAULTS[name] for name in augment.GEOMETRY}}
B = 6


def _smooth(h, w):
    """Smooth images, functions of the relative place alone, so that every size shows the same."""
    v, u = np.meshgrid((np.arange(h) + 0.5) / h, (np.arange(w) + 0.5) / w, indexing="ij")
    waves = [[np.sin(3 * u + c + i) * np.cos(2 * v + i) for c in range(3)] for i in range(B)]
    return jnp.asarray(0.8 * np.moveaxis(np.array(waves), 1, -1), jnp.float32)


def _run(config, images, seed=0):
    lr, hr = jax.jit(lambda key, lr, hr: augment.augment(key, lr, hr, config))(jax.random.key(seed), *images)
    return np.asarray(lr), np.asarray(hr)


def _textured():
    """Images with detail everywhere, which no blur or quantisation leaves as it is."""
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.uniform(-0.8, 0.8, (B, 24, 72, 3)), jnp.float32)


@pytest.fixture(scope="module")
def pair():
    return _smooth(24, 72), _smooth(48, 144)


def _halved(hr):
    b, h, w, c = hr.shape
    return hr.reshape(b, h // 2, 2, w // 2, 2, c).mean((2, 4))


@pytest.mark.parametrize("config", [OFF, {**augment.DEFAULTS, "enabled": False}])
def test_strength_zero_is_the_identity(pair, config):
    lr, hr = _run(config, pair)
    np.testing.assert_array_equal(lr, pair[0])
    np.testing.assert_array_equal(hr, pair[1])


def test_lr_and_hr_are_warped_alike(pair):
    lr, hr = _run({**OFF, **{name: 3 * augment.DEFAULTS[name] for name in augment.GEOMETRY}}, pair, seed=1)
    assert (abs(lr - pair[0]).mean((1, 2, 3)) > 0.02).all()  # every image has moved, by much more than it differs from its HR
    assert abs(lr - _halved(hr)).mean() < 1e-3
    assert abs(lr - _halved(hr)).max() < 0.03  # at the border, which repeats from other places


def test_an_hr_image_alone_gets_geometry_and_no_camera(pair):
    key, textured = jax.random.key(2), _textured()
    (still,) = augment.geometric(key, (textured,), {**augment.DEFAULTS, **dict.fromkeys(augment.GEOMETRY, 0.0)})
    assert still is textured
    (moved,) = augment.geometric(key, (pair[1],), augment.DEFAULTS)
    matrices = augment.random_warps(key, B, 3.0, augment.DEFAULTS)
    np.testing.assert_array_equal(moved, augment.warp(pair[1], matrices))


@pytest.mark.parametrize("name", augment.GEOMETRY)
def test_each_strength_makes_warps_of_its_own(name):
    config = {**OFF, name: augment.DEFAULTS[name]}
    matrices = np.asarray(augment.random_warps(jax.random.key(3), B, 3.0, config))
    assert len({matrix.tobytes() for matrix in matrices}) == B
    still = np.asarray(augment.random_warps(jax.random.key(3), B, 3.0, OFF))
    np.testing.assert_array_equal(still, np.broadcast_to(np.eye(3), (B, 3, 3)))


def _spot(matrix, place, size):
    """Where an image with one white spot has it after the warp: the spot's mean place, in relative coordinates."""
    h, w = size
    v, u = np.meshgrid((2 * np.arange(h) + 1) / h - 1, (2 * np.arange(w) + 1) / w - 1, indexing="ij")
    spot = np.exp(-(((u - place[0]) * 3) ** 2 + (v - place[1]) ** 2) / 0.02)
    image = jnp.asarray(np.repeat(spot[None, ..., None], 3, -1), jnp.float32)
    warped = np.asarray(augment.warp(image, jnp.asarray(matrix, jnp.float32)[None]))[0, ..., 0]
    return np.array([(u * warped).sum(), (v * warped).sum()]) / warped.sum()


@pytest.mark.parametrize("size", [(24, 72), (48, 144)])
def test_a_warp_moves_a_spot_to_the_inverse_of_its_matrix(size):
    matrix = np.array([[1.05, 0.02, 0.08], [-0.1, 0.97, -0.06], [0.03, -0.02, 1.0]])
    expected = np.linalg.solve(matrix, [0.3, -0.2, 1.0])
    assert _spot(matrix, (0.3, -0.2), size) == pytest.approx(expected[:2] / expected[2], abs=0.01)


def test_rotation_is_by_the_angle_in_pixels():
    degrees = 10.0
    matrices = augment.random_warps(jax.random.key(0), 200, 3.0, {**OFF, "rotation_degrees": degrees})
    # In pixels of a plate three times as wide as high, each is a rotation: columns of length 1, at a right angle.
    isotropic = np.diag([3.0, 1.0]) @ np.asarray(matrices)[:, :2, :2] @ np.diag([1 / 3.0, 1.0])
    np.testing.assert_allclose(isotropic @ isotropic.transpose(0, 2, 1), np.broadcast_to(np.eye(2), (200, 2, 2)), atol=1e-5)
    angles = np.rad2deg(np.arctan2(isotropic[:, 1, 0], isotropic[:, 0, 0]))
    assert abs(angles).max() < degrees
    assert angles.min() < -0.9 * degrees
    assert angles.max() > 0.9 * degrees


def test_plates_are_never_flipped():
    config = {**GEOMETRY_ONLY, **{name: 3 * GEOMETRY_ONLY[name] for name in augment.GEOMETRY}}
    matrices = np.asarray(augment.random_warps(jax.random.key(0), 500, 3.0, config))
    assert (np.linalg.det(matrices) > 0).all()  # no mirror image
    assert (matrices[:, 0, 0] > 0).all()  # left stays left
    assert (matrices[:, 1, 1] > 0).all()  # top stays top


def test_the_border_repeats_outwards():
    image = jnp.concatenate([jnp.full((1, 8, 6, 3), -0.5), jnp.full((1, 8, 6, 3), 0.75)], axis=2)
    matrix = jnp.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])[None]  # half an image to the left
    np.testing.assert_allclose(augment.warp(image, matrix)[:, :, 6:], 0.75)


@pytest.mark.parametrize("name", augment.PHOTOMETRY)
def test_the_camera_is_on_lr_alone(pair, name):
    textured = _textured()
    lr, hr = _run({**OFF, name: augment.DEFAULTS[name]}, (textured, pair[1]), seed=2)
    np.testing.assert_array_equal(hr, pair[1])
    assert (abs(lr - textured).max((1, 2, 3)) > 1e-4).all()
    assert abs(lr).max() <= 1.0


@pytest.mark.parametrize("name", augment.PHOTOMETRY)
def test_each_example_has_its_own_change(name):
    images = jnp.broadcast_to(_textured()[:1], (B, 24, 72, 3))
    lr, _ = _run({**OFF, name: augment.DEFAULTS[name]}, (images, images), seed=3)
    assert len({image.tobytes() for image in lr}) == B


def test_uneven_light_is_a_glare_or_a_shadow_on_lr_alone(pair):
    grey = jnp.full((B, 24, 72, 3), -0.5)
    lr, hr = _run({**OFF, "uneven_light": 0.75}, (grey, pair[1]), seed=4)
    np.testing.assert_array_equal(hr, pair[1])
    change = (lr - grey).mean(-1)
    np.testing.assert_allclose(lr, lr[..., :1].repeat(3, -1), atol=1e-6)  # white light
    brighter, darker = (change > 1e-4).any((1, 2)), (change < -1e-4).any((1, 2))
    assert (brighter ^ darker).all()  # never both in one image
    assert brighter.any()
    assert darker.any()
    assert (np.ptp(change, axis=(1, 2)) > 1e-2).all()
    assert change.max() < 2 * 0.75
    assert change.min() > -0.5 * 0.75  # of grey at 0.25 in [0, 1], a shadow takes three quarters at most


def test_the_frames_of_a_track_are_in_one_light():
    frames = jnp.full((2, 3, 12, 36, 3), -0.5)
    lit, _ = augment.augment_track(jax.random.key(3), frames, frames[:, 1], {**OFF, "uneven_light": 0.75})
    np.testing.assert_array_equal(lit, lit[:, :1].repeat(3, 1))
    assert np.abs(lit[0] - lit[1]).max() > 1e-3


def test_blur_leaves_an_even_image_alone():
    grey = jnp.full((B, 24, 72, 3), 0.25)
    lr, _ = _run({**OFF, "blur_sigma": 1.5}, (grey, grey))
    np.testing.assert_allclose(lr, 0.25, atol=1e-5)  # no dark frame from a border of zeros


def test_extreme_images_stay_finite_and_in_range():
    even = jnp.broadcast_to(jnp.array([-1.0, -1.0, 0.0, 0.0, 1.0, 1.0])[:, None, None, None], (B, 24, 72, 3))
    lr, hr = _run(augment.DEFAULTS, (even, even))
    assert np.isfinite(lr).all()
    assert abs(lr).max() <= 1.0
    np.testing.assert_allclose(hr, even, atol=1e-6)


def test_in_a_jitted_step_with_a_config(pair):
    config = ml_collections.FrozenConfigDict({"augment": augment.DEFAULTS})
    jitted = jax.jit(lambda key, *images: augment.augment(key, *images, config.augment))
    once, again, other = (jitted(jax.random.key(seed), *pair) for seed in (0, 0, 1))
    np.testing.assert_array_equal(once[0], again[0])
    np.testing.assert_array_equal(once[1], again[1])
    assert jnp.abs(once[0] - other[0]).max() > 0.01
    assert (once[0].shape, once[1].shape, once[0].dtype) == (pair[0].shape, pair[1].shape, jnp.float32)


def test_vmap_over_keys(pair):
    keys = jax.random.split(jax.random.key(0), 2)
    one = lambda key: augment.augment(key, *pair, GEOMETRY_ONLY)[0]  # noqa: E731
    np.testing.assert_allclose(jax.jit(jax.vmap(one))(keys)[1], jax.jit(one)(keys[1]), atol=1e-5)


def test_frames_of_a_track_and_their_hr_are_warped_alike(rng):
    config = augment.DEFAULTS | dict.fromkeys(augment.PHOTOMETRY, 0.0) | {"jpeg_quality": (100, 100)}
    frames = rng.uniform(-1, 1, (2, 3, 12, 36, 3)).astype(np.float32)
    warped, hr = augment.augment_track(jax.random.key(3), frames, frames[:, 1], config)
    np.testing.assert_array_equal(warped[:, 1], hr)
    assert np.abs(warped[:, 1] - frames[:, 1]).max() > 0.1


def test_a_part_of_the_tracks_shows_one_frame_and_the_others_two_to_all():
    counts = np.asarray(augment.frames_present(jax.random.key(0), 4000, 5, 0.4)).sum(1)
    np.testing.assert_allclose(np.bincount(counts, minlength=6) / 4000, [0, 0.4, 0.15, 0.15, 0.15, 0.15], atol=0.03)


def test_foreign_frames_are_of_the_track_before_and_never_the_reference(rng):
    tracks = rng.uniform(-1, 1, (400, 5, 2, 3, 3)).astype(np.float32)
    assert augment.with_foreign_frames(jax.random.key(0), tracks, 0.0) is tracks
    found = np.asarray(augment.with_foreign_frames(jax.random.key(0), tracks, 0.3))
    changed = (found != tracks).any(axis=(2, 3, 4))
    assert not changed[:, 0].any()
    assert changed[:, 1:].mean() == pytest.approx(0.3, abs=0.05)
    np.testing.assert_array_equal(found[changed], np.roll(tracks, 1, axis=0)[changed])


def test_a_perturbed_image_is_another_image_and_passes_gradients_on(rng):
    images = jnp.asarray(rng.uniform(-0.8, 0.8, (B, 16, 48, 3)), jnp.float32)
    key = jax.random.key(2)
    assert augment.perturb(key, images, augment.DEFAULTS | {"enabled": False}) is images
    changed = augment.perturb(key, images, augment.DEFAULTS)
    assert (np.abs(changed - images).max((1, 2, 3)) > 0.1).all()
    gradient = jax.grad(lambda images: augment.perturb(key, images, augment.DEFAULTS).sum())(images)
    assert (np.abs(gradient).sum((1, 2, 3)) > 0).all()
