"""Decoding slots, against a search through every text of every layout."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lpasrn_jax.plates import BRAZIL, PlateFormat
from lpasrn_jax.reading.decode import decode_slots

FORMATS = {
    "two layouts": PlateFormat("01AB", (("old", "LNN"), ("new", "LNL"))),
    "three layouts": PlateFormat("0AB", (("a", "LNL"), ("b", "NLN"), ("c", "LLL"))),
    "one layout": PlateFormat("012A", (("only", "NL"),)),
}


def log_softmax(logits):
    logits = logits.astype(np.float64)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def search(log_probs, masks):
    """The best (layout, text, log-probability) among all texts of all layouts; the first of equals."""
    slots, classes = log_probs.shape
    found = []
    for layout, mask in enumerate(masks):
        for text in itertools.product(range(classes), repeat=slots):
            if all(mask[slot, c] for slot, c in enumerate(text)):
                found.append((layout, text, sum(log_probs[slot, c] for slot, c in enumerate(text))))
    return max(found, key=lambda one: one[2])


@pytest.mark.parametrize("name", FORMATS)
def test_no_text_of_any_layout_is_more_probable(name, rng):
    masks = FORMATS[name].layout_masks()
    logits = rng.normal(scale=2, size=(40, *masks.shape[1:])).astype(np.float32)
    decoded = jax.jit(decode_slots)(logits, masks)
    log_probs = log_softmax(logits)
    for i, (layout, text, total) in enumerate(search(one, masks) for one in log_probs):
        assert (decoded.layout[i], tuple(decoded.classes[i].tolist())) == (layout, text)
        np.testing.assert_allclose(decoded.log_probs[i], log_probs[i, np.arange(len(text)), text], atol=1e-6)
        np.testing.assert_allclose(decoded.log_probs[i].sum(), total, atol=1e-5)
    assert len(set(decoded.layout.tolist())) == len(masks)  # each layout wins somewhere


def test_the_text_fits_its_layout(rng):
    masks = BRAZIL.layout_masks()
    logits = rng.normal(size=(200, 7, 36)).astype(np.float32)
    logits[:100] *= 1e6  # as sure of forbidden characters as a network can be
    decoded = decode_slots(logits, masks)
    for classes, layout in zip(decoded.classes, decoded.layout, strict=True):
        assert BRAZIL.fits(BRAZIL.decode(classes), BRAZIL.layout_names[int(layout)])


@pytest.mark.parametrize("text", ["ABC1234", "ABC1D23"])
def test_a_clear_text_is_read_with_its_layout(text):
    logits = 5.0 * jax.nn.one_hot(BRAZIL.encode(text), 36)[None]
    decoded = decode_slots(logits, BRAZIL.layout_masks())
    assert BRAZIL.decode(decoded.classes[0]) == text
    assert BRAZIL.fits(text, BRAZIL.layout_names[int(decoded.layout[0])])
    # 35 other characters with exp(-5) of its odds each
    np.testing.assert_allclose(decoded.log_probs[0], np.full(7, -np.log1p(35 * np.exp(-5.0))), atol=1e-6)


def test_probability_of_forbidden_characters_speaks_against_a_layout():
    """Slot 1 is a digit or a letter. Renormalised over its own kind, the only letter would have probability 1 and win."""
    plates = PlateFormat("01A", (("letter", "L"), ("digit", "N")))
    decoded = decode_slots(jnp.log(jnp.array([[[0.5, 0.1, 0.4]]])), plates.layout_masks())
    assert (decoded.classes.tolist(), decoded.layout.tolist()) == ([[0]], [1])
    np.testing.assert_allclose(decoded.log_probs, [[np.log(0.5)]], rtol=1e-6)


def test_of_equals_the_first_wins():
    plates = PlateFormat("01AB", (("old", "LNN"), ("new", "LNL")))
    decoded = decode_slots(jnp.zeros((1, 3, 4)), plates.layout_masks())
    assert (decoded.classes.tolist(), decoded.layout.tolist()) == ([[2, 0, 0]], [0])
    swapped = decode_slots(jnp.zeros((1, 3, 4)), plates.layout_masks()[::-1])
    assert (swapped.classes.tolist(), swapped.layout.tolist()) == ([[2, 0, 2]], [0])


def test_layouts_of_two_lengths_compete_with_the_class_for_no_character():
    plates = PlateFormat("01AB", (("long", "LNA"), ("short", "LN")))
    slots = np.full((2, 3, 5), -4.0, np.float32)
    slots[:, 0, 2], slots[:, 1, 1] = 4.0, 4.0
    slots[0, 2, 4], slots[1, 2, 3] = 4.0, 4.0  # the last slot: no character, and B
    decoded = decode_slots(jnp.array(slots), plates.layout_masks())
    assert [plates.decode(classes) for classes in decoded.classes] == ["A1", "A1B"]
    assert decoded.layout.tolist() == [1, 0]
