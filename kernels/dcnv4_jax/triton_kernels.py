"""The Triton kernels. Imported only when used: Triton need not be installed.

A program handles BLOCK rows; a row is one (pixel, group), and rows lie side by side in outputs and gradients as [d] values.
Offsets and mask of a row are read once for each tap and its bilinear weights computed once for all of its channels. The loads of
values are contiguous along d. All arithmetic is float32.
"""

from dcnv4_jax.load_triton import load_triton

load_triton()

import triton  # noqa: E402
import triton.language as tl  # noqa: E402


@triton.jit
def _rows(
    count,
    BLOCK: tl.constexpr,
    WIDE: tl.constexpr,
    HO: tl.constexpr,
    WO: tl.constexpr,
    GROUPS: tl.constexpr,
    STRIDE_Y: tl.constexpr,
    STRIDE_X: tl.constexpr,
    CENTRE_Y: tl.constexpr,
    CENTRE_X: tl.constexpr,
    REACH_Y: tl.constexpr,
    REACH_X: tl.constexpr,
):
    """Row numbers, whether they exist, their image, group, pixel and undisplaced sampling position."""
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    live = row < count
    pixel = row // GROUPS
    group = row % GROUPS
    image = pixel // (HO * WO)
    y = ((pixel // WO) % HO * STRIDE_Y + CENTRE_Y).to(tl.float32) - REACH_Y
    x = (pixel % WO * STRIDE_X + CENTRE_X).to(tl.float32) - REACH_X
    if WIDE:  # products with channels or pixels would leave 32 bits
        row, pixel, image = row.to(tl.int64), pixel.to(tl.int64), image.to(tl.int64)
    return row, live, pixel, group, image, y, x


@triton.jit
def _locate(
    taps,
    live,
    y,
    x,
    k,
    H: tl.constexpr,
    W: tl.constexpr,
    TAPS: tl.constexpr,
    REMOVED: tl.constexpr,
    KERNEL_HEIGHT: tl.constexpr,
    DILATION_Y: tl.constexpr,
    DILATION_X: tl.constexpr,
    SCALE: tl.constexpr,
):
    """Top left corner of tap k of each row, the fractions beyond it, its mask, and which corners can be read."""
    place = k + k // REMOVED  # taps from the removed centre on lie one place further in the kernel
    dx = tl.load(taps + 2 * k, mask=live, other=0.0).to(tl.float32)
    dy = tl.load(taps + 2 * k + 1, mask=live, other=0.0).to(tl.float32)
    mask = tl.load(taps + 2 * TAPS + k, mask=live, other=0.0).to(tl.float32)
    x = x + (place // KERNEL_HEIGHT * DILATION_X + dx) * SCALE
    y = y + (place % KERNEL_HEIGHT * DILATION_Y + dy) * SCALE
    counts = live & (x > -1.0) & (x < W) & (y > -1.0) & (y < H)  # false for NaN
    x, y = tl.where(counts, x, 0.0), tl.where(counts, y, 0.0)
    left, top = tl.floor(x), tl.floor(y)
    right, down = x - left, y - top
    left, top = left.to(tl.int32), top.to(tl.int32)
    has_left, has_right = counts & (left >= 0), counts & (left + 1 < W)
    has_top, has_bottom = top >= 0, top + 1 < H
    corners = (has_left & has_top, has_right & has_top, has_left & has_bottom, has_right & has_bottom)
    return left, top, right, down, tl.where(counts, mask, 0.0), counts, corners


@triton.jit
def _weights(right, down):
    """Bilinear weights of the corners: top left, top right, bottom left, bottom right."""
    return (1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right


@triton.jit
def _span(at, inside, D: tl.constexpr, D_PADDED: tl.constexpr):
    """Offsets and mask of the [rows, D_PADDED] channels that begin at `at`."""
    channel = tl.arange(0, D_PADDED)
    offsets = at[:, None] + channel[None, :]
    # Without a test along the channels, where it can be done without, they are loaded as vectors.
    mask = inside[:, None] if D == D_PADDED else inside[:, None] & (channel < D)[None, :]
    return offsets, tl.broadcast_to(mask, offsets.shape)


@triton.jit
def forward_kernel(
    value,
    offset_mask,
    count,
    output,
    H: tl.constexpr,
    W: tl.constexpr,
    HO: tl.constexpr,
    WO: tl.constexpr,
    GROUPS: tl.constexpr,
    D: tl.constexpr,
    D_PADDED: tl.constexpr,
    OFFSET_MASK_CHANNELS: tl.constexpr,
    TAPS: tl.constexpr,
    UNROLL: tl.constexpr,
    REMOVED: tl.constexpr,
    KERNEL_HEIGHT: tl.constexpr,
    STRIDE_Y: tl.constexpr,
    STRIDE_X: tl.constexpr,
    DILATION_Y: tl.constexpr,
    DILATION_X: tl.constexpr,
    CENTRE_Y: tl.constexpr,
    CENTRE_X: tl.constexpr,
    REACH_Y: tl.constexpr,
    REACH_X: tl.constexpr,
    SCALE: tl.constexpr,
    BLOCK: tl.constexpr,
    WIDE: tl.constexpr,
):
    """output [count, D] from value [n, H, W, GROUPS * D] and offset_mask [n, HO, WO, OFFSET_MASK_CHANNELS]."""
    row, live, pixel, group, image, y, x = _rows(
        count, BLOCK, WIDE, HO, WO, GROUPS, STRIDE_Y, STRIDE_X, CENTRE_Y, CENTRE_X, REACH_Y, REACH_X
    )
    taps = offset_mask + pixel * OFFSET_MASK_CHANNELS + group * (3 * TAPS)
    total = tl.zeros((BLOCK, D_PADDED), tl.float32)
    for k in tl.range(0, TAPS, loop_unroll_factor=UNROLL):
        left, top, right, down, mask, _, corners = _locate(
            taps, live, y, x, k, H, W, TAPS, REMOVED, KERNEL_HEIGHT, DILATION_Y, DILATION_X, SCALE
        )
        weights = _weights(right, down)
        at = ((image * H + top) * W + left) * (GROUPS * D) + group * D
        sample = tl.zeros((BLOCK, D_PADDED), tl.float32)
        for corner in tl.static_range(4):
            step = (corner // 2 * W + corner % 2) * (GROUPS * D)
            offsets, inside = _span(at + step, corners[corner], D, D_PADDED)
            sample += weights[corner][:, None] * tl.load(value + offsets, mask=inside, other=0.0).to(tl.float32)
        total += mask[:, None] * sample  # not into the weights: an infinite mask times a weight of zero would be NaN
    offsets, inside = _span(row * D, live, D, D_PADDED)
    tl.store(output + offsets, total.to(output.dtype.element_ty), mask=inside)


@triton.jit
def backward_kernel(
    value,
    offset_mask,
    grad,
    count,
    grad_value,
    grad_offset_mask,
    H: tl.constexpr,
    W: tl.constexpr,
    HO: tl.constexpr,
    WO: tl.constexpr,
    GROUPS: tl.constexpr,
    D: tl.constexpr,
    D_PADDED: tl.constexpr,
    OFFSET_MASK_CHANNELS: tl.constexpr,
    TAPS: tl.constexpr,
    UNROLL: tl.constexpr,
    REMOVED: tl.constexpr,
    KERNEL_HEIGHT: tl.constexpr,
    STRIDE_Y: tl.constexpr,
    STRIDE_X: tl.constexpr,
    DILATION_Y: tl.constexpr,
    DILATION_X: tl.constexpr,
    CENTRE_Y: tl.constexpr,
    CENTRE_X: tl.constexpr,
    REACH_Y: tl.constexpr,
    REACH_X: tl.constexpr,
    SCALE: tl.constexpr,
    BLOCK: tl.constexpr,
    WIDE: tl.constexpr,
    UNUSED_PADDED: tl.constexpr,
):
    """Adds to grad_value [n, H, W, GROUPS * D] in float32, by atomics; writes grad_offset_mask, reduced over D in registers."""
    row, live, pixel, group, image, y, x = _rows(
        count, BLOCK, WIDE, HO, WO, GROUPS, STRIDE_Y, STRIDE_X, CENTRE_Y, CENTRE_X, REACH_Y, REACH_X
    )
    first = pixel * OFFSET_MASK_CHANNELS + group * (3 * TAPS)
    offsets, inside = _span(row * D, live, D, D_PADDED)
    gradient = tl.load(grad + offsets, mask=inside, other=0.0).to(tl.float32)
    dtype: tl.constexpr = grad_offset_mask.dtype.element_ty
    for k in tl.range(0, TAPS, loop_unroll_factor=UNROLL):
        left, top, right, down, mask, counts, corners = _locate(
            offset_mask + first, live, y, x, k, H, W, TAPS, REMOVED, KERNEL_HEIGHT, DILATION_Y, DILATION_X, SCALE
        )
        weights = _weights(right, down)
        at = ((image * H + top) * W + left) * (GROUPS * D) + group * D
        by_mask, by_right, by_down = tl.zeros_like(right), tl.zeros_like(right), tl.zeros_like(right)
        for corner in tl.static_range(4):
            step = (corner // 2 * W + corner % 2) * (GROUPS * D)
            offsets, inside = _span(at + step, corners[corner], D, D_PADDED)
            product = tl.sum(gradient * tl.load(value + offsets, mask=inside, other=0.0).to(tl.float32), axis=1)
            by_mask += weights[corner] * product
            by_right += (down if corner // 2 else 1 - down) * (product if corner % 2 else -product)
            by_down += (right if corner % 2 else 1 - right) * (product if corner // 2 else -product)
            tl.atomic_add(grad_value + offsets, (mask * weights[corner])[:, None] * gradient, mask=inside, sem="relaxed")
        # A NaN gradient must not reach the offsets of a tap that does not count.
        by_x, by_y = tl.where(counts, mask * SCALE * by_right, 0.0), tl.where(counts, mask * SCALE * by_down, 0.0)
        tl.store(grad_offset_mask + first + 2 * k, by_x.to(dtype), mask=live)
        tl.store(grad_offset_mask + first + 2 * k + 1, by_y.to(dtype), mask=live)
        tl.store(grad_offset_mask + first + 2 * TAPS + k, tl.where(counts, by_mask, 0.0).to(dtype), mask=live)
    if UNUSED_PADDED:  # the last group also clears the channels that are ignored
        used: tl.constexpr = 3 * GROUPS * TAPS
        channel = used + tl.arange(0, UNUSED_PADDED)
        offsets = (pixel * OFFSET_MASK_CHANNELS)[:, None] + channel[None, :]
        inside = (live & (group == GROUPS - 1))[:, None] & (channel < OFFSET_MASK_CHANNELS)[None, :]
        tl.store(grad_offset_mask + offsets, tl.zeros((BLOCK, UNUSED_PADDED), dtype), mask=inside)
