"""CTC decoding, by hand and against a sum over every path."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lpasrn_jax.plates import BRAZIL, PlateFormat
from lpasrn_jax.reading.ctc_decode import ctc_beam, ctc_greedy

FORMATS = {
    "two layouts": (4, PlateFormat("01AB", (("old", "LN"), ("new", "LL")))),
    "three slots": (6, PlateFormat("0AB", (("a", "LLN"), ("b", "NLL")))),
    "two lengths": (5, PlateFormat("01AB", (("long", "LNA"), ("short", "NL")))),
    "as many steps as slots": (3, PlateFormat("01A", (("only", "NLN"),))),
}


def logits_of(path, classes=5):
    return 8.0 * jax.nn.one_hot(jnp.array([path]), classes)


@pytest.mark.parametrize(("path", "text"), [
    ([1, 1, 2, 2, 2], [0, 1]),  # repetitions
    ([0, 1, 0, 1, 0], [0, 0]),  # a character twice, with a blank between
    ([3, 0, 0, 0, 4], [2, 3]),
    ([0, 0, 0, 0, 0], []),
    ([1, 2, 1, 2, 1], [0, 1, 0, 1, 0]),
])  # fmt: skip
def test_the_best_path_is_merged(path, text):
    found = ctc_greedy(logits_of(path))
    assert found.classes.tolist() == [text + [-1] * (5 - len(text))]
    np.testing.assert_allclose(found.log_prob, [-5 * np.log1p(4 * np.exp(-8.0))], rtol=1e-4)


def merged(path):
    return tuple(c - 1 for i, c in enumerate(path) if c and (i == 0 or path[i - 1] != c))


def exhaustive(log_probs, masks):
    """The best (log-probability, layout, text) among all texts of the layouts, each summed over all of its paths."""
    steps, classes = log_probs.shape
    texts = {}
    for path in itertools.product(range(classes), repeat=steps):
        text = merged(path)
        texts[text] = np.logaddexp(texts.get(text, -np.inf), sum(log_probs[t, c] for t, c in enumerate(path)))
    found = []
    for layout, mask in enumerate(masks):
        length = mask[:, : classes - 1].any(axis=1).sum()
        fitting = [text for text in texts if len(text) == length and all(mask[k, c] for k, c in enumerate(text))]
        found += [(texts[text], layout, text + (-1,) * (len(mask) - length)) for text in fitting]
    return max(found, key=lambda one: one[0])


@pytest.mark.parametrize("name", FORMATS)
def test_a_wide_beam_is_an_exhaustive_search(name, rng):
    steps, plates = FORMATS[name]
    masks = plates.layout_masks()
    logits = rng.normal(scale=2, size=(12, steps, len(plates.alphabet) + 1)).astype(np.float32)
    found = jax.jit(lambda x: ctc_beam(x, masks, beam_width=64))(logits)
    log_probs = np.asarray(jax.nn.log_softmax(logits), np.float64)
    for i, (log_prob, layout, text) in enumerate(exhaustive(one, masks) for one in log_probs):
        assert (tuple(found.classes[i].tolist()), int(found.layout[i])) == (text, layout)
        np.testing.assert_allclose(found.log_prob[i], log_prob, atol=1e-4)
    if len(masks) > 1:
        assert len(set(found.layout.tolist())) == len(masks)  # each layout wins somewhere


@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_no_text_is_outside_its_layout(scale, rng):
    logits = scale * rng.normal(size=(20, 36, 37)).astype(np.float32)
    found = jax.jit(lambda x: ctc_beam(x, BRAZIL.layout_masks(), beam_width=4))(logits)
    for classes, layout in zip(found.classes, found.layout, strict=True):
        assert BRAZIL.fits(BRAZIL.decode(classes), BRAZIL.layout_names[int(layout)])


def test_a_clear_text_with_doubled_characters(rng):
    text = BRAZIL.encode("AAA1100")
    path = np.zeros(36, int)
    path[1:29:4] = text + 1
    found = ctc_beam(8.0 * jax.nn.one_hot(path[None], 37), BRAZIL.layout_masks())
    assert (found.classes.tolist(), found.layout.tolist()) == ([text.tolist()], [0])


def test_the_layout_corrects_what_the_best_path_reads():
    """The network saw O where the layout has a digit: 0 is next."""
    text = BRAZIL.encode("ABC1234")
    path = np.zeros(36, int)
    path[1:29:4] = text + 1
    logits = np.array(8.0 * jax.nn.one_hot(path[None], 37))
    logits[0, 13] = 0.0
    logits[0, 13, BRAZIL.alphabet.index("O") + 1] = 8.0
    logits[0, 13, BRAZIL.alphabet.index("0") + 1] = 7.0
    assert BRAZIL.decode(ctc_greedy(logits).classes[0, :7]) == "ABCO234"
    assert BRAZIL.decode(ctc_beam(logits, BRAZIL.layout_masks()).classes[0]) == "ABC0234"


def test_too_few_steps_for_any_text():
    masks = PlateFormat("0A", (("only", "LLN"),)).layout_masks()
    found = ctc_beam(jnp.zeros((1, 3, 3)), masks)  # the doubled A needs a blank between: four steps
    assert (found.classes.tolist(), found.log_prob.tolist()) == ([[-1, -1, -1]], [-np.inf])
    assert ctc_beam(jnp.zeros((1, 4, 3)), masks).classes.tolist() == [[1, 1, 0]]


def test_each_row_is_read_by_itself(rng):
    logits = rng.normal(scale=3, size=(5, 12, 37)).astype(np.float32)
    masks = BRAZIL.layout_masks()
    together = ctc_beam(logits, masks)
    for i in range(5):
        alone = ctc_beam(logits[i : i + 1], masks)
        assert alone.classes.tolist() == [together.classes[i].tolist()]
        np.testing.assert_allclose(alone.log_prob[0], together.log_prob[i], rtol=1e-6)
