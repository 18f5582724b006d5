"""The picture grid."""

import numpy as np

from lpasrn_jax.evaluation.pictures import GAP, image_grid


def test_every_image_is_in_its_place_at_the_size_of_the_largest():
    lr = np.stack([np.full((2, 3, 3), -1.0), np.full((2, 3, 3), 0.0)])
    hr = np.stack([np.full((4, 6, 3), 1.0), np.full((4, 6, 3), -1.0)])
    grid = image_grid({"LR": lr, "HR": hr}, magnify=2)
    first_row = grid.shape[0] - 2 * (8 + GAP)  # below the border and the titles
    assert grid.shape[1:] == (GAP + 2 * (12 + GAP), 3)

    def cell(row, column):
        top, left = first_row + row * (8 + GAP), GAP + column * (12 + GAP)
        return np.unique(grid[top : top + 8, left : left + 12]).tolist()

    assert [[cell(row, column) for column in range(2)] for row in range(2)] == [[[0], [255]], [[128], [0]]]
