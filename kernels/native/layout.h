// How values and tap positions lie in memory while a unit is worked on.
#pragma once

#include "problem.h"

namespace dcnv4 {
namespace {

constexpr int64_t kStrip = 16;  // output pixels whose tap positions are computed together

int64_t round_up(int64_t number, int64_t multiple) { return (number + multiple - 1) / multiple * multiple; }

// Plane of one group: pixel (y, x) is row (y + 1) * pitch + x + 1, so the zero column right of a row is the one left of the next.
struct Plane {
  int64_t pitch;    // rows from one line to the next
  int64_t lanes;    // floats in a row: d rounded up to whole vectors
  int64_t floats;
  int32_t nowhere;  // first float of a 2x2 window of zeros

  explicit Plane(const Problem& p)
      : pitch(p.w + 1),
        lanes(round_up(p.d, DCNV4_LANES)),
        floats(((p.h + 3) * pitch + 1) * lanes),
        nowhere(int32_t((p.h + 1) * pitch * lanes)) {}
};

// Tap positions of a strip, one entry for each (pixel, tap).
struct Strip {
  int64_t capacity;
  float *column, *tap_x, *tap_y;              // output column from the strip's first, times the stride; place in the kernel
  float *x, *y, *mask;                        // x and y become the fractions after `locate`
  float *top_left, *top_right, *bottom_left, *bottom_right;  // corner weights
  float* counts;                              // 1 for a tap that counts, else 0
  int32_t* index;                             // float offset of the top left corner in the plane
  float* dots;                                // [capacity, 4] products of gradient and corners
  float* rows;                                // [kStrip, lanes] outputs or gradients

  static int64_t floats(const Problem& p, const Plane& plane) {
    return 16 * round_up(kStrip * p.taps, 16) + round_up(kStrip * plane.lanes, 16);
  }

  Strip(const Problem& p, float* memory) : capacity(round_up(kStrip * p.taps, 16)) {
    float** const arrays[] = {&column,   &tap_x,     &tap_y,       &x,            &y,     &mask,
                              &top_left, &top_right, &bottom_left, &bottom_right, &counts};
    for (float** array : arrays) {
      *array = memory;
      memory += capacity;
    }
    index = reinterpret_cast<int32_t*>(memory);
    dots = memory + capacity;
    rows = memory + 5 * capacity;
    for (int64_t pixel = 0; pixel < kStrip; ++pixel) {
      for (int64_t k = 0; k < p.taps; ++k) {
        column[pixel * p.taps + k] = float(pixel * p.stride_x);
        tap_x[pixel * p.taps + k] = p.tap_x[k];
        tap_y[pixel * p.taps + k] = p.tap_y[k];
      }
    }
  }
};

}  // namespace
}  // namespace dcnv4
