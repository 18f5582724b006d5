// The product of a few rows of inputs and a block of weights, summed in registers: what convolution spends its time on.
#pragma once

#include <cstring>

#include "vector.h"

namespace dcnv4::convolution {
namespace {

constexpr int kTilePixels = DCNV4_LANES == 16 ? 12 : 6;  // a tile's sums leave registers for a row of weights
constexpr int64_t kWide = 2 * DCNV4_LANES;               // output channels of a tile; the last tile may have one vector

constexpr int64_t ceil_div(int64_t number, int64_t divisor) { return (number + divisor - 1) / divisor; }

// What a tile reads and writes, from its first pixel on.
struct Operands {
  const float *inputs, *weights;
  float* outputs;
  int64_t taps_high;    // rows of taps
  int64_t products;     // of one row of taps: taps by input channels
  int64_t input_pitch;  // floats from line to line
  int64_t ci, co;       // floats from pixel to pixel
  int64_t channels;     // of the block, without those that pad it
};

// Not inlined: by GCC 12 inlined, it takes nearly twice as long with one vector.
template <int kPixels, int kVectors>
__attribute__((noinline)) void multiply(const Operands& at) {
  Vector tile[kPixels][kVectors] = {};
  const float* weights = at.weights;
  for (int64_t ky = 0; ky < at.taps_high; ++ky) {
    const float* in = at.inputs + ky * at.input_pitch;
    for (int64_t i = 0; i < at.products; ++i, ++in, weights += kVectors * DCNV4_LANES) {
      Vector row[kVectors];
      for (int v = 0; v < kVectors; ++v) row[v] = load(weights + v * DCNV4_LANES);
      for (int pixel = 0; pixel < kPixels; ++pixel) {
        for (int v = 0; v < kVectors; ++v) tile[pixel][v] += in[pixel * at.ci] * row[v];
      }
    }
  }
  for (int pixel = 0; pixel < kPixels; ++pixel) {
    float* const out = at.outputs + pixel * at.co;
    if (at.channels == kVectors * DCNV4_LANES) {
      std::memcpy(out, tile[pixel], sizeof tile[pixel]);  // of a known size: vectors' stores, aligned or not
    } else {
      std::memcpy(out, tile[pixel], sizeof(float) * at.channels);
    }
  }
}

// `multiply` for up to kPixels pixels, whose block of output channels has kVectors vectors.
template <int kVectors, int kPixels = kTilePixels>
void multiply_pixels(int64_t pixels, const Operands& at) {
  if constexpr (kPixels > 1) {
    if (pixels < kPixels) return multiply_pixels<kVectors, kPixels - 1>(pixels, at);
  }
  multiply<kPixels, kVectors>(at);
}

}  // namespace
}  // namespace dcnv4::convolution
