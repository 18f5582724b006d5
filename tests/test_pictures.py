"""The picture grid and the confusion picture."""

import numpy as np

from lpasrn_jax.pictures import (
    ADVANCE,
    BAR,
    CELL,
    DEEP,
    GAP,
    LINE,
    PAPER,
    WRONG,
    confusion_picture,
    image_grid,
    slot_bars,
    stacked,
    text_line,
)


def cells(grid, height, width, pitch):
    """The colours of each cell of the last rows of a grid, below the titles; a row is `pitch` high."""
    first_row = grid.shape[0] - 2 * pitch

    def colours(row, column):
        top, left = first_row + row * pitch, GAP + column * (width + GAP)
        return np.unique(grid[top : top + height, left : left + width]).tolist()

    return [[colours(row, column) for column in range(2)] for row in range(2)]


LR = np.stack([np.full((2, 3, 3), -1.0), np.full((2, 3, 3), 0.0)])
HR = np.stack([np.full((4, 6, 3), 1.0), np.full((4, 6, 3), -1.0)])


def test_every_image_is_in_its_place_at_the_size_of_the_largest():
    grid = image_grid({"LR": LR, "HR": HR}, magnify=2)
    assert grid.shape[1:] == (GAP + 2 * (12 + GAP), 3)
    assert cells(grid, 8, 12, pitch=8 + GAP) == [[[0], [255]], [[128], [0]]]


def test_captions_leave_every_image_in_its_place():
    grid = image_grid({"LR": LR, "HR": HR}, magnify=2, captions={"HR": ["A", "B"]}, truth=["A", "B"])
    assert cells(grid, 8, 12, pitch=8 + GAP + LINE + GAP) == [[[0], [255]], [[128], [0]]]


def caption(text, **options):
    """The line below the only, white image of a grid, and the colours of its first characters."""
    grid = image_grid({"SR": np.ones((1, 10, 60, 3))}, magnify=1, captions={"SR": [text]}, **options)
    line = grid[-LINE - GAP : -GAP, GAP:-GAP]
    return line, [{tuple(pixel) for pixel in line[:, i * ADVANCE : (i + 1) * ADVANCE].reshape(-1, 3).tolist()} for i in range(4)]


def test_wrong_characters_are_white_on_red():
    _, places = caption("ABCD", truth=["ABXD"])
    assert [WRONG in colours for colours in places] == [False, False, True, False]
    assert [min(map(min, colours)) < 100 for colours in places] == [True, True, True, True]
    assert all(PAPER in colours for colours in places)


def test_surplus_characters_are_wrong_and_missing_ones_leave_their_place_empty():
    _, places = caption("ABCD", truth=["AB"])
    assert [WRONG in colours for colours in places] == [False, False, True, True]
    _, places = caption("AB", truth=["ABCD"])
    assert places[2:] == [{PAPER}, {PAPER}]


def test_a_right_caption_looks_as_one_without_truth():
    np.testing.assert_array_equal(caption("ABCD", truth=["ABCD"])[0], caption("ABCD")[0])


def test_a_column_without_captions_has_paper_below_its_images():
    columns = {"LR": np.ones((1, 10, 60, 3)), "SR": np.ones((1, 10, 60, 3))}
    grid = image_grid(columns, magnify=1, captions={"SR": ["ABCD"]})
    left, right = grid[-LINE - GAP :, : GAP + 60], grid[-LINE - GAP :, 2 * GAP + 60 :]
    assert (left.min(), right.min() < 100) == (255, True)


def test_a_line_of_text_is_as_wide_as_the_text():
    short, long = text_line("plate: ABC1D23"), text_line("plate, original+fused, 5 images: ABC1D23 97.3%")
    assert short.shape[0] == long.shape[0] == LINE
    for line in (short, long):
        inked = np.flatnonzero(line.min(axis=(0, 2)) < 100)
        assert inked[0] >= GAP // 2
        assert line.shape[1] - 3 * GAP <= inked[-1] < line.shape[1] - 1


def test_confusions_are_red_right_readings_blue_and_the_unseen_white():
    counts = np.array([[3, 1, 0], [0, 5, 0], [0, 0, 0]], np.float32)
    picture = confusion_picture(counts, "01A")
    body = picture[-GAP - 3 * CELL : -GAP, -GAP - 3 * CELL : -GAP]
    middle = body[CELL // 2 :: CELL, CELL // 2 :: CELL].astype(int)
    red, _, blue = np.moveaxis(middle, -1, 0)
    assert (red > blue).tolist() == [[False, True, False], [False, False, False], [False, False, False]]
    assert (blue > red).tolist() == [[True, False, False], [False, True, False], [False, False, False]]
    assert (middle[2] == 255).all()
    assert blue[1, 1] < blue[0, 0]  # all read right is darker than three of four
    assert picture.dtype == np.uint8


def test_bars_are_as_long_as_their_values():
    picture = slot_bars({"a": [0.0, 0.5, 1.0]}, "XYZ")
    deep = (picture == DEEP).all(axis=-1)
    lengths = [deep[:, start : start + BAR].any(axis=0).sum() for start in range(GAP + 8 * CELL, picture.shape[1] - GAP, BAR)]
    np.testing.assert_allclose(lengths, [1, (BAR - GAP) / 2, BAR - GAP], atol=1)


def test_pictures_of_different_widths_stand_below_each_other():
    first, second = np.zeros((2, 3, 3), np.uint8), np.ones((1, 5, 3), np.uint8)
    picture = stacked([first, second])
    np.testing.assert_array_equal(picture[:2, :3], first)
    np.testing.assert_array_equal(picture[2:], second)
    assert (picture[:2, 3:] == PAPER).all()
