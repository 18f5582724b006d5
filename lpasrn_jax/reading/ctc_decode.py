"""From the CTC head's logits to text: the best path, and prefix beam search under layouts.

Blank is class 0 and character i is class i + 1. Graves et al. 2006 for CTC; Hannun et al. 2014, arXiv 1408.2873, for the search.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

NONE = -1  # in the place of a character that a text does not have


class BestPath(NamedTuple):
    """classes: the text, then `NONE`. log_prob: of the path, which is one of many that spell the text."""

    classes: Int[Array, "b t"]
    log_prob: Float[Array, " b"]


class BeamText(NamedTuple):
    """classes: the text, then `NONE`; all `NONE` if the steps are too few for any. log_prob: of all paths that the search has
    followed to it, which is at most the text's own; -inf if there is none."""

    classes: Int[Array, "b k"]
    layout: Int[Array, " b"]
    log_prob: Float[Array, " b"]


class _Beam(NamedTuple):
    """w prefixes with the log-probabilities of the paths that spell them and end in a blank, or in their last character."""

    prefix: Int[Array, "w k"]
    length: Int[Array, " w"]
    blank: Float[Array, " w"]
    character: Float[Array, " w"]

    @property
    def total(self) -> Float[Array, " w"]:
        return jnp.logaddexp(self.blank, self.character)


def ctc_greedy(ctc: Float[Array, "b t v1"]) -> BestPath:
    """The text of the most probable path: repetitions are merged, then blanks are left out."""
    log_probs = jax.nn.log_softmax(ctc, axis=-1)
    path = log_probs.argmax(axis=-1)
    before = jnp.pad(path[:, :-1], ((0, 0), (1, 0)))
    kept = (path != 0) & (path != before)
    order = jnp.argsort(~kept, axis=-1, stable=True)
    classes = jnp.take_along_axis(jnp.where(kept, path - 1, NONE), order, axis=-1)
    return BestPath(classes, log_probs.max(axis=-1).sum(axis=-1))


def ctc_beam(ctc: Float[Array, "b t v1"], layout_masks: Bool[Array, "l k v"], *, beam_width: int = 16) -> BeamText:
    """The most probable text that has one of the layouts, as far as a beam search finds it.

    Each layout is searched by itself: a prefix grows only by characters that the layout allows in that place, and one that cannot
    reach the layout's length in the steps that are left is dropped. The better layout wins, the first of equals. With a beam as
    wide as there are prefixes the search is exhaustive.

    Args:
      ctc: logits before softmax.
      layout_masks: True where a layout allows a class in a slot; there may be one more class than characters, for unused slots.
      beam_width: prefixes kept after each step.
    """
    log_probs = jax.nn.log_softmax(ctc, axis=-1)
    masks = jnp.asarray(layout_masks)[..., : ctc.shape[-1] - 1]  # a slot where nothing is allowed is one that is not used
    search = functools.partial(_search, beam_width=beam_width)
    by_layout, scores = jax.vmap(lambda one: jax.vmap(lambda mask: search(one, mask))(masks))(log_probs)  # [b l k], [b l]
    layout = scores.argmax(axis=-1)
    classes = jnp.take_along_axis(by_layout, layout[:, None, None], axis=1)[:, 0]
    return BeamText(classes, layout, jnp.take_along_axis(scores, layout[:, None], axis=1)[:, 0])


def _search(
    log_probs: Float[Array, "t v1"], mask: Bool[Array, "k v"], beam_width: int
) -> tuple[Int[Array, " k"], Float[Array, ""]]:
    steps, k, length = log_probs.shape[0], mask.shape[0], mask.any(axis=-1).sum()
    none = jnp.full((beam_width,), -jnp.inf, log_probs.dtype)
    start = _Beam(jnp.full((beam_width, k), NONE), jnp.zeros(beam_width, int), none.at[0].set(0.0), none)
    left = jnp.arange(steps - 1, -1, -1)
    beam, _ = jax.lax.scan(lambda beam, step: (_advance(beam, *step, mask, length), None), start, (log_probs, left))
    score = jnp.where(beam.length == length, beam.total, -jnp.inf)
    best = score.argmax()
    return jnp.where(score[best] > -jnp.inf, beam.prefix[best], NONE), score[best]


def _advance(
    beam: _Beam, log_probs: Float[Array, " v1"], left: Int[Array, ""], mask: Bool[Array, "k v"], length: Int[Array, ""]
) -> _Beam:
    """The beam after one more step; `left` steps follow it, and a text has `length` characters."""
    (w, k), v = beam.prefix.shape, mask.shape[1]
    characters = log_probs[1:]
    last = jnp.take_along_axis(beam.prefix, jnp.maximum(beam.length - 1, 0)[:, None], axis=1)[:, 0]
    last = jnp.where(beam.length > 0, last, NONE)

    # Each prefix grown by each character: by one like its last only after a blank, for otherwise it is a repetition.
    repeats = last[:, None] == jnp.arange(v)
    grown = jnp.where(repeats, beam.blank[:, None], beam.total[:, None]) + characters
    allowed = mask[jnp.minimum(beam.length, k - 1)] & (beam.length < length)[:, None]
    grown = jnp.where(allowed, grown, -jnp.inf)

    # Each prefix as it is: a blank, or its last character again. To that comes what grows into it from its parent in the beam.
    blank = beam.total + log_probs[0]
    character = beam.character + jnp.where(last >= 0, characters[last], -jnp.inf)
    is_parent = _is_parent(beam)  # [parent, child]
    from_parent = jnp.where(is_parent, grown[:, jnp.maximum(last, 0)], -jnp.inf).max(axis=0)
    character = jnp.logaddexp(character, from_parent)
    counted = jnp.any(is_parent[:, :, None] & (last[:, None] == jnp.arange(v))[None], axis=1)
    grown = jnp.where(counted, -jnp.inf, grown)

    # The best of all, among those that can still be completed.
    reachable = length - beam.length <= left
    stay_score = jnp.where(reachable, jnp.logaddexp(blank, character), -jnp.inf)
    grow_score = jnp.where((length - beam.length - 1 <= left)[:, None], grown, -jnp.inf)
    score, chosen = jax.lax.top_k(jnp.concatenate([stay_score, grow_score.ravel()]), w)
    grows = chosen >= w
    parent = jnp.where(grows, (chosen - w) // v, chosen)
    added = jnp.where(grows, (chosen - w) % v, NONE)
    place = (jnp.arange(k) == beam.length[parent][:, None]) & grows[:, None]
    alive = score > -jnp.inf
    return _Beam(
        prefix=jnp.where(place, added[:, None], beam.prefix[parent]),
        length=beam.length[parent] + grows,
        blank=jnp.where(alive & ~grows, blank[parent], -jnp.inf),
        character=jnp.where(alive, jnp.where(grows, score, character[parent]), -jnp.inf),
    )


def _is_parent(beam: _Beam) -> Bool[Array, "w w"]:
    """Whether prefix i (row) is prefix j (column) without its last character, both being alive."""
    k = beam.prefix.shape[1]
    alive = beam.total > -jnp.inf
    shortened = jnp.where(jnp.arange(k) == beam.length[:, None] - 1, NONE, beam.prefix)
    same = (beam.prefix[:, None] == shortened[None]).all(axis=-1)
    return same & (beam.length[:, None] + 1 == beam.length[None]) & alive[:, None] & alive[None]
