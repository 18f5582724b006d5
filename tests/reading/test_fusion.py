"""Fusion rules, by hand: two slots, characters 0, 1, A, B; layouts LN and LL unless a test says otherwise."""

import numpy as np
import pytest

from lpasrn_jax.errors import UserError
from lpasrn_jax.plates import BRAZIL, PlateFormat
from lpasrn_jax.reading.decode import decode_slots
from lpasrn_jax.reading.fusion import FUSIONS, fuse

PLATES = PlateFormat("01AB", (("old", "LN"), ("new", "LL")))
MASKS = PLATES.layout_masks()


def frame(*slots):
    """Log-probabilities of one frame from {character: probability} of each slot; what is left goes to the others evenly."""
    rows = []
    for slot in slots:
        rest = (1 - sum(slot.values())) / (4 - len(slot))
        rows.append([slot.get(c, rest) for c in "01AB"])
    return np.log(np.array(rows, np.float32))


def fused(rule, *frames, masks=MASKS):
    return PLATES.decode(fuse(rule, np.stack(frames)[None], masks).classes[0])


SURE_B0 = frame({"B": 0.97}, {"0": 0.97})
WEAK_A1 = frame({"A": 0.4, "B": 0.35}, {"1": 0.4, "0": 0.35})


@pytest.mark.parametrize(("rule", "text"), [("log_probs", "B0"), ("hc", "B0"), ("mv", "A1"), ("mvcp", "A1")])
def test_one_sure_frame_against_two_weak_ones(rule, text):
    """Summed: A 2 log .4 + log .01 = -6.4, B 2 log .35 + log .97 = -2.1. Votes count heads."""
    assert fused(rule, WEAK_A1, SURE_B0, WEAK_A1) == text


@pytest.mark.parametrize(("rule", "text"), [("hc", "A1"), ("mv", "A1"), ("mvcp", "A0")])
def test_three_texts_with_a_majority_only_by_place(rule, text):
    """A1 .9, A0 .56, B0 .6: no text twice, A twice, 0 twice."""
    frames = frame({"A": 0.95}, {"1": 0.95}), frame({"A": 0.7}, {"0": 0.8}), frame({"B": 0.75}, {"0": 0.8})
    assert fused(rule, *frames) == text


def test_mv_breaks_ties_by_the_sum_of_probabilities():
    """A0 .5 + .5 of two against B1 .6 + .3 of two, then the other way round; the first frame is no help."""
    a, strong, weak = frame({"A": 0.8}, {"0": 0.625}), frame({"B": 0.8}, {"1": 0.75}), frame({"B": 0.5}, {"1": 0.6})
    assert fused("mv", strong, a, weak, a) == "A0"
    assert fused("mv", a, strong, a, strong) == "B1"


def test_mvcp_breaks_ties_by_the_sum_of_probabilities():
    assert fused("mvcp", frame({"A": 0.6}, {"0": 0.9}), frame({"B": 0.7}, {"1": 0.8})) == "B0"


@pytest.mark.parametrize("rule", ["hc", "mv", "mvcp"])
def test_the_earlier_frame_wins_a_tie(rule):
    a, b = frame({"A": 0.8}, {"0": 0.8}), frame({"B": 0.8}, {"1": 0.8})
    assert (fused(rule, a, b), fused(rule, b, a)) == ("A0", "B1")


def test_a_fixed_layout_holds_where_frames_disagree_about_it():
    """LNL and NLN: two frames of the second, one of the first."""
    plates = PlateFormat("0A", (("a", "LNL"), ("b", "NLN")))
    a, b = (np.log(np.where(mask, 0.9, 0.1).astype(np.float32)) for mask in plates.layout_masks())
    mixed = np.stack([a, b, b])
    mixed[2, 0] = a[0]
    mixed[2, 1] = mixed[2, 2] = np.log([0.5, 0.5])
    masks = plates.layout_masks()
    for rule in FUSIONS:
        assert plates.fits(plates.decode(fuse(rule, mixed[None], masks[:1]).classes[0]), "a")
        assert plates.fits(plates.decode(fuse(rule, mixed[None], masks[1:]).classes[0]), "b")


@pytest.mark.parametrize("rule", FUSIONS)
def test_one_frame_is_decoded_as_it_is(rule, rng):
    slots = np.asarray(rng.normal(size=(30, 7, 36)), np.float32)
    log_probs = slots - np.log(np.exp(slots).sum(axis=-1, keepdims=True))
    found = fuse(rule, log_probs[:, None], BRAZIL.layout_masks())
    np.testing.assert_array_equal(found.classes, decode_slots(log_probs, BRAZIL.layout_masks()).classes)


@pytest.mark.parametrize("rule", FUSIONS)
@pytest.mark.parametrize("layout", [0, 1])
def test_a_fixed_layout_is_kept(rule, layout, rng):
    log_probs = np.asarray(rng.normal(scale=5, size=(20, 5, 7, 36)), np.float32)
    for classes in fuse(rule, log_probs, BRAZIL.layout_masks()[[layout]]).classes:
        assert BRAZIL.fits(BRAZIL.decode(classes), BRAZIL.layout_names[layout])


@pytest.mark.parametrize("rule", FUSIONS)
def test_plates_are_fused_each_by_itself(rule, rng):
    log_probs = np.asarray(rng.normal(scale=5, size=(8, 3, 7, 36)), np.float32)
    together = fuse(rule, log_probs, BRAZIL.layout_masks()).classes
    alone = [fuse(rule, one[None], BRAZIL.layout_masks()).classes[0] for one in log_probs]
    np.testing.assert_array_equal(together, alone)


def test_an_unknown_rule():
    with pytest.raises(UserError, match="fusion: 'best' found; expected one of log_probs, hc, mv, mvcp"):
        fuse("best", np.zeros((1, 1, 2, 4)), MASKS)
