// Forward and backward of some groups and rows of one image. Compiled once for each instruction set, with
//   DCNV4_LANES    floats in a vector register
//   DCNV4_KERNELS  name of the table that this translation unit defines
// Everything else has internal linkage, so that no code built for a newer instruction set is linked into an older path.
//
// The values of each group are first copied to a float32 plane with a border of zeros: all four corners of every tap that counts
// can then be read without a test, taps that do not count read zeros, and a row of values is a whole number of vectors.
// All groups of a strip of pixels are done before the next strip, so that offsets, masks and outputs pass the caches once.
#include "problem.h"

#include "layout.h"
#include "rows.h"
#include "vector.h"

namespace dcnv4 {
namespace {

// Pixels of one output row, and the first of them counted over [n, ho, wo].
struct Pixels {
  int64_t row, column, count, position;
};

template <class T>
void load_planes(const Problem& p, const Plane& plane, const Unit& unit, float* out) {
  const int64_t groups = unit.group_end - unit.group_begin, channels = p.groups * p.d;
  std::memset(out, 0, sizeof(float) * groups * plane.floats);
  const T* in = static_cast<const T*>(p.value) + unit.image * p.h * p.w * channels + unit.group_begin * p.d;
  with_known(p.d, [&](auto d) {
    for (int64_t y = 0; y < p.h; ++y) {
      float* row = out + ((y + 1) * plane.pitch + 1) * plane.lanes;
      for (int64_t x = 0; x < p.w; ++x, in += channels, row += plane.lanes) {
        for (int64_t g = 0; g < groups; ++g) widen_row(in + g * d, row + g * plane.floats, d);
      }
    }
  });
}

// Reads offsets and mask of `pixels` pixels into separate arrays.
template <class T>
void read_taps(const Problem& p, const T* in, int64_t pixels, const Strip& strip) {
  with_known(p.taps, [&](auto taps) {
    for (int64_t pixel = 0; pixel < pixels; ++pixel, in += p.offset_mask_channels) {
      prefetch<0>(in + kStrip * p.offset_mask_channels, 3 * taps);  // too far apart for the processor to foresee
      const float* const floats = as_floats(in, 3 * taps, strip.dots);
      unzip_row(floats, strip.x + pixel * taps, strip.y + pixel * taps, taps);
      widen_row(floats + 2 * taps, strip.mask + pixel * taps, taps);
    }
  });
}

// Turns offsets into corner indices and weights. kBackward puts the mask into the weights and leaves in x, y and counts what the
// backward needs.
template <bool kBackward>
void locate(const Problem& p, const Plane& plane, const Pixels& pixels, const Strip& s) {
  const int64_t count = pixels.count * p.taps;
  const float w = float(p.w), h = float(p.h), scale = p.offset_scale, reach_x = p.reach_x;
  const float column_x = float(pixels.column * p.stride_x + p.centre_x);
  const float row_y = float(pixels.row * p.stride_y + p.centre_y) - p.reach_y;
  const int32_t pitch = int32_t(plane.pitch), lanes = int32_t(plane.lanes), nowhere = plane.nowhere;
#pragma omp simd
  for (int64_t t = 0; t < count; ++t) {
    const float x = ((column_x + s.column[t]) - reach_x) + (s.tap_x[t] + s.x[t]) * scale;
    const float y = row_y + (s.tap_y[t] + s.y[t]) * scale;
    const float own_mask = s.mask[t];  // read without a condition, or the loop is not vectorised
    const bool inside = (x > -1.0f) & (x < w) & (y > -1.0f) & (y < h);  // false for NaN
    const float in_x = inside ? x : 0.0f, in_y = inside ? y : 0.0f, mask = inside ? own_mask : 0.0f;
    int32_t column = int32_t(in_x), row = int32_t(in_y);
    column -= in_x < float(column);  // truncation to floor
    row -= in_y < float(row);
    const float right = in_x - float(column), down = in_y - float(row);
    const int32_t corner = ((row + 1) * pitch + column + 1) * lanes;
    s.index[t] = inside ? corner : nowhere;
    const float factor = kBackward ? mask : 1.0f, top = factor * (1.0f - down), bottom = factor * down, left = 1.0f - right;
    s.top_left[t] = top * left;
    s.top_right[t] = top * right;
    s.bottom_left[t] = bottom * left;
    s.bottom_right[t] = bottom * right;
    s.mask[t] = mask;
    if (kBackward) {
      s.x[t] = right;
      s.y[t] = down;
      s.counts[t] = inside ? 1.0f : 0.0f;
    }
  }
}

// Sums the taps of each pixel of the strip for kVectors vectors of channels from `channel` on. The mask is applied to the whole
// sample: in a corner's weight, an infinite mask times zero would be NaN.
template <int kVectors, class Taps>
void sample(Taps taps, const Plane& plane, const float* values, const Strip& s, int64_t pixels, int64_t channel) {
  const int64_t below = plane.pitch * plane.lanes;
  int64_t t = 0;
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    Vector sums[kVectors] = {};
    for (int64_t k = 0; k < taps; ++k, ++t) {
      const float* corner = values + s.index[t] + channel;
      for (int v = 0; v < kVectors; ++v, corner += DCNV4_LANES) {
        Vector sample = s.top_left[t] * load(corner);
        sample += s.top_right[t] * load(corner + plane.lanes);
        sample += s.bottom_left[t] * load(corner + below);
        sample += s.bottom_right[t] * load(corner + below + plane.lanes);
        sums[v] += s.mask[t] * sample;
      }
    }
    for (int v = 0; v < kVectors; ++v) store(s.rows + pixel * plane.lanes + channel + v * DCNV4_LANES, sums[v]);
  }
}

// Adds each pixel's gradient to the corners of its taps, and its products with the corners' values to `dots`.
template <int kVectors>
void scatter(const Problem& p, const Plane& plane, const float* values, float* grads, const Strip& s, int64_t pixels,
             int64_t channel) {
  const int64_t below = plane.pitch * plane.lanes;
  const int64_t corners[4] = {0, plane.lanes, below, below + plane.lanes};
  const float* const weights[4] = {s.top_left, s.top_right, s.bottom_left, s.bottom_right};
  int64_t t = 0;
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    Vector grad[kVectors];
    for (int v = 0; v < kVectors; ++v) grad[v] = load(s.rows + pixel * plane.lanes + channel + v * DCNV4_LANES);
    for (int64_t k = 0; k < p.taps; ++k, ++t) {
      Vector dot[4];
      for (int corner = 0; corner < 4; ++corner) {
        const int64_t at = s.index[t] + corners[corner] + channel;
        const float weight = weights[corner][t];
        dot[corner] = grad[0] * load(values + at);
        store(grads + at, load(grads + at) + weight * grad[0]);
        for (int v = 1; v < kVectors; ++v) {
          dot[corner] += grad[v] * load(values + at + v * DCNV4_LANES);
          store(grads + at + v * DCNV4_LANES, load(grads + at + v * DCNV4_LANES) + weight * grad[v]);
        }
      }
      const Vector4 sums = add_lanes(dot[0], dot[1], dot[2], dot[3]);
      store4(s.dots + 4 * t, channel ? sums + load4(s.dots + 4 * t) : sums);
    }
  }
}

// Calls step.template operator()<kVectors>(channel) until the channels of a row are covered.
template <class Step>
void over_channels(const Plane& plane, Step step) {
  int64_t channel = 0;
  for (; channel + 4 * DCNV4_LANES <= plane.lanes; channel += 4 * DCNV4_LANES) step(Count<4>{}, channel);
  for (; channel + 2 * DCNV4_LANES <= plane.lanes; channel += 2 * DCNV4_LANES) step(Count<2>{}, channel);
  for (; channel < plane.lanes; channel += DCNV4_LANES) step(Count<1>{}, channel);
}

// Turns the dots into gradients of x offset, y offset and mask, left in x, y and mask.
void differentiate(const Problem& p, int64_t count, const Strip& s) {
#pragma omp simd
  for (int64_t t = 0; t < count; ++t) {
    const float top_left = s.dots[4 * t], top_right = s.dots[4 * t + 1];
    const float bottom_left = s.dots[4 * t + 2], bottom_right = s.dots[4 * t + 3];
    const float right = s.x[t], down = s.y[t], scale = s.mask[t] * p.offset_scale;
    const float top = top_left + right * (top_right - top_left);
    const float bottom = bottom_left + right * (bottom_right - bottom_left);
    const float by_x = (1.0f - down) * (top_right - top_left) + down * (bottom_right - bottom_left);
    const bool inside = s.counts[t] != 0.0f;  // else a NaN gradient would spread to taps that do not count
    s.x[t] = inside ? scale * by_x : 0.0f;
    s.y[t] = inside ? scale * (bottom - top) : 0.0f;
    s.mask[t] = inside ? top + down * (bottom - top) : 0.0f;
  }
}

template <class T>
void write_taps(const Problem& p, const Pixels& pixels, int64_t group, const Strip& strip, T* out) {
  const int64_t taps = p.taps, used = 3 * p.groups * taps;
  out += pixels.position * p.offset_mask_channels;
  for (int64_t pixel = 0; pixel < pixels.count; ++pixel, out += p.offset_mask_channels) {
    T* const own = out + group * 3 * taps;
    zip_row(strip.x + pixel * taps, strip.y + pixel * taps, own, taps);
    narrow_row(strip.mask + pixel * taps, own + 2 * taps, taps);
    // The last group also clears the channels that are ignored.
    if (group + 1 == p.groups) std::memset(out + used, 0, sizeof(T) * (p.offset_mask_channels - used));
  }
}

// Calls step(pixels, group) for all groups of one strip after another.
template <class Step>
void over_strips(const Problem& p, const Unit& unit, Step step) {
  for (int64_t row = unit.row_begin; row < unit.row_end; ++row) {
    for (int64_t column = 0; column < p.wo; column += kStrip) {
      const int64_t count = p.wo - column < kStrip ? p.wo - column : kStrip;
      for (int64_t group = unit.group_begin; group < unit.group_end; ++group) {
        step(Pixels{row, column, count, (unit.image * p.ho + row) * p.wo + column}, group);
      }
    }
  }
}

template <class T, bool kBackward>
void place_taps(const Problem& p, const Plane& plane, const Pixels& pixels, int64_t group, const Strip& strip) {
  const T* in = static_cast<const T*>(p.offset_mask) + pixels.position * p.offset_mask_channels + group * 3 * p.taps;
  read_taps<T>(p, in, pixels.count, strip);
  locate<kBackward>(p, plane, pixels, strip);
}

template <class T>
void forward(const Problem& p, const Unit& unit, float* scratch) {
  const Plane plane(p);
  const Strip strip(p, scratch);
  float* const planes = scratch + Strip::floats(p, plane);
  load_planes<T>(p, plane, unit, planes);
  over_strips(p, unit, [&](const Pixels& pixels, int64_t group) {
    place_taps<T, false>(p, plane, pixels, group, strip);
    const float* const values = planes + (group - unit.group_begin) * plane.floats;
    with_known(p.taps, [&](auto taps) {
      over_channels(plane, [&](auto vectors, int64_t channel) {
        sample<decltype(vectors)::value>(taps, plane, values, strip, pixels.count, channel);
      });
    });
    T* out = static_cast<T*>(p.output) + (pixels.position * p.groups + group) * p.d;
    with_known(p.d, [&](auto d) {
      for (int64_t pixel = 0; pixel < pixels.count; ++pixel) {
        narrow_row(strip.rows + pixel * plane.lanes, out + pixel * p.groups * d, d);
        prefetch<1>(out + (pixel + kStrip) * p.groups * d, d);
      }
    });
  });
}

template <class T>
void backward(const Problem& p, const Unit& unit, float* scratch, float* grad_planes) {
  const Plane plane(p);
  const Strip strip(p, scratch);
  float* const planes = scratch + Strip::floats(p, plane);
  std::memset(strip.rows, 0, sizeof(float) * kStrip * plane.lanes);  // the lanes beyond d stay zero
  load_planes<T>(p, plane, unit, planes);
  over_strips(p, unit, [&](const Pixels& pixels, int64_t group) {
    place_taps<T, true>(p, plane, pixels, group, strip);
    const T* grad = static_cast<const T*>(p.grad) + (pixels.position * p.groups + group) * p.d;
    for (int64_t pixel = 0; pixel < pixels.count; ++pixel) {
      widen_row(grad + pixel * p.groups * p.d, strip.rows + pixel * plane.lanes, p.d);
    }
    const int64_t of_group = (group - unit.group_begin) * plane.floats;
    over_channels(plane, [&](auto vectors, int64_t channel) {
      scatter<decltype(vectors)::value>(p, plane, planes + of_group, grad_planes + of_group, strip, pixels.count, channel);
    });
    differentiate(p, pixels.count * p.taps, strip);
    write_taps(p, pixels, group, strip, static_cast<T*>(p.grad_offset_mask));
  });
}

template <class T>
void store_grad_value(const Problem& p, const Unit& unit, const float* planes, int64_t stripes) {
  const Plane plane(p);
  const int64_t groups = unit.group_end - unit.group_begin, channels = p.groups * p.d, apart = groups * plane.floats;
  T* out = static_cast<T*>(p.grad_value) + unit.image * p.h * p.w * channels + unit.group_begin * p.d;
  for (int64_t y = 0; y < p.h; ++y) {
    const float* row = planes + ((y + 1) * plane.pitch + 1) * plane.lanes;
    for (int64_t x = 0; x < p.w; ++x, out += channels, row += plane.lanes) {
      for (int64_t g = 0; g < groups; ++g) {
        const float* const first = row + g * plane.floats;
        if (stripes == 1) {
          narrow_row(first, out + g * p.d, p.d);
          continue;
        }
        for (int64_t c = 0; c < p.d; ++c) {
          float sum = first[c];
          for (int64_t i = 1; i < stripes; ++i) sum += first[i * apart + c];
          out[g * p.d + c] = narrow<T>(sum);
        }
      }
    }
  }
}

int64_t plane_floats(const Problem& p) { return Plane(p).floats; }

int64_t strip_floats(const Problem& p) { return Strip::floats(p, Plane(p)); }

template <class T>
constexpr Kernels kernels() {
  return {plane_floats, strip_floats, forward<T>, backward<T>, store_grad_value<T>};
}

}  // namespace

const Kernels DCNV4_KERNELS[kStorageCount] = {kernels<float>(), kernels<Bfloat16>(), kernels<Float16>()};

}  // namespace dcnv4
