"""DCNv4 in float64 NumPy, written from its formula, one tap of one group at a time; shares nothing with the implementations."""

import numpy as np


def deform_conv(
    value,
    offset_mask,
    grad,
    *,
    groups,
    kernel_size=(3, 3),
    strides=(1, 1),
    padding=(1, 1),
    dilation=(1, 1),
    offset_scale=1.0,
    remove_center=False,
):
    """Output, and gradients of value and offset_mask under the output gradient `grad`, all float64."""
    value, offset_mask, grad = (np.asarray(array, np.float64) for array in (value, offset_mask, grad))
    _, h, w, c = value.shape
    d = c // groups
    output, grad_value, grad_offset_mask = np.zeros(grad.shape), np.zeros(value.shape), np.zeros(offset_mask.shape)
    image, qy, qx = np.indices(grad.shape[:3])
    kernel_height, kernel_width = kernel_size
    taps = [(i, j) for i in range(kernel_width) for j in range(kernel_height)]
    if remove_center:
        taps.remove((kernel_width // 2, kernel_height // 2))

    def position(q, axis, tap, offset):
        centre = dilation[axis] * (kernel_size[axis] - 1) // 2
        start = q * strides[axis] - padding[axis] + centre - centre * offset_scale
        return start + (tap * dilation[axis] + offset) * offset_scale

    for g in range(groups):
        channels = slice(g * d, (g + 1) * d)
        for k, (i, j) in enumerate(taps):
            first = 3 * len(taps) * g
            at_x, at_y, at_mask = first + 2 * k, first + 2 * k + 1, first + 2 * len(taps) + k
            x, y = position(qx, 1, i, offset_mask[..., at_x]), position(qy, 0, j, offset_mask[..., at_y])
            with np.errstate(invalid="ignore"):
                counts = (x > -1) & (x < w) & (y > -1) & (y < h)
            b, x, y, mask, own_grad = (
                image[counts],
                x[counts],
                y[counts],
                offset_mask[..., at_mask][counts],
                grad[counts][:, channels],
            )
            x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
            for column, row in ((x0, y0), (x0 + 1, y0), (x0, y0 + 1), (x0 + 1, y0 + 1)):
                inside = (column >= 0) & (column < w) & (row >= 0) & (row < h)
                at = b[inside], row[inside], column[inside]
                corner = np.zeros((len(b), d))
                corner[inside] = value[at][:, channels]
                by_x, by_y = np.where(column > x0, x - x0, x0 + 1 - x), np.where(row > y0, y - y0, y0 + 1 - y)
                sign_x, sign_y = np.where(column > x0, 1, -1), np.where(row > y0, 1, -1)
                weight = by_x * by_y
                np.add.at(output[..., channels], np.nonzero(counts), (mask * weight)[:, None] * corner)
                np.add.at(grad_value[..., channels], at, ((mask * weight)[:, None] * own_grad)[inside])
                product = (corner * own_grad).sum(-1)
                grad_offset_mask[..., at_mask][counts] += weight * product
                grad_offset_mask[..., at_x][counts] += mask * sign_x * by_y * product * offset_scale
                grad_offset_mask[..., at_y][counts] += mask * sign_y * by_x * product * offset_scale
    return output, grad_value, grad_offset_mask
