"""Splits by plate text."""

import pytest

from lpasrn_jax.data.splits import listed_tracks, split_of
from lpasrn_jax.errors import UserError

TEXTS = [f"{a}{b}C{n:04d}" for a in "ABCDEFGHIJ" for b in "KLMNOPQRST" for n in range(0, 1000, 25)]


@pytest.mark.parametrize(
    ("text", "split"),
    # The first eight bytes of sha256, by 2**64: 0.5922, 0.6192, 0.2124, 0.0923, 0.9091, 0.3374.
    [
        ("ABC1234", "train"),
        ("ABC1D23", "train"),
        ("XYZ9876", "val"),
        ("QQQ0A00", "val"),
        ("BRA2E19", "train"),
        ("AAA0000", "val"),
    ],
)
def test_assignment_never_changes(text, split):
    assert split_of(text, 0.5) == split


def test_the_part_is_kept():
    assert sum(split_of(text, 0.05) == "val" for text in TEXTS) / len(TEXTS) == pytest.approx(0.05, abs=0.01)


def test_all_or_nothing():
    assert {split_of(text, 0.0) for text in TEXTS} == {"train"}
    assert {split_of(text, 1.0) for text in TEXTS} == {"val"}


def test_a_larger_validation_split_holds_the_smaller():
    small, large = ({text for text in TEXTS if split_of(text, part) == "val"} for part in (0.05, 0.2))
    assert small < large


@pytest.mark.parametrize("val_split", [-0.1, 1.1, float("nan")])
def test_a_part_outside_the_unit_interval(val_split):
    with pytest.raises(ValueError, match=r"data\.val_split: .* found; expected a number from 0 to 1"):
        split_of("ABC1234", val_split)


NAMES = ["A/Old/track_1", "A/Old/track_2", "B/New/track_2", "B/New/track_30"]


def test_a_list_names_tracks_by_their_folders(tmp_path):
    file = tmp_path / "val.txt"
    file.write_text("# the official split\n\n A/Old/track_2 \ndata/set/B/New/track_2/\ntrack_30\nOld/track_2\n")
    assert listed_tracks(file, NAMES) == {1, 2, 3}


@pytest.mark.parametrize(("content", "message"), [
    ("A/Old/track_1\ntrack_3\n", "val.txt, line 2: 'track_3' is no track of data.root"),
    ("track_2", "val.txt, line 1: 'track_2' fits 2 tracks; give more of its path"),
    ("# nothing\n", "val.txt lists no track"),
])  # fmt: skip
def test_a_list_that_does_not_fit_the_tracks(tmp_path, content, message):
    (tmp_path / "val.txt").write_text(content)
    with pytest.raises(UserError, match=message):
        listed_tracks(tmp_path / "val.txt", NAMES)


def test_a_list_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"data\.val_list: .*val.txt can't be read"):
        listed_tracks(tmp_path / "val.txt", NAMES)
