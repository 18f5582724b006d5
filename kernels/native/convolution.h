// The weight gradient of a convolution as the kernels see it, and the table of kernels that each instruction set provides.
#pragma once

#include <cstdint>

namespace dcnv4::convolution {

// Stride 1, zero padding. The gradient of weight (ky, kx, i, o) is the sum over images and output pixels (y, x) of
// input(y + ky - pad_top, x + kx - pad_left, i) * grad(y, x, o).
struct Problem {
  int64_t n, h, w, ci;  // input [n, h, w, ci]
  int64_t ho, wo, co;   // grad [n, ho, wo, co]
  int64_t kh, kw;       // weights [kh, kw, ci, co]
  int64_t pad_top, pad_left;
  const float* input;
  const float* grad;
  float* weights;
};

// A range of input channels, summed over some strips, into which each instruction set cuts the outputs of all images.
struct Unit {
  int64_t channel_begin, channel_end, strip_begin, strip_end;
};

// The kernels of one instruction set; all memory is aligned to 64 bytes.
struct Kernels {
  int64_t (*strip_count)(const Problem&);
  int64_t (*scratch_floats)(const Problem&, int64_t channels);
  int64_t (*sum_floats)(const Problem&, int64_t channels);
  void (*weight_gradient)(const Problem&, const Unit&, float* scratch, float* sums);
  // Writes the weights of the unit's channels: the sum, in order, of `stripes` units' sums that lie `apart` floats apart.
  void (*store_weights)(const Problem&, const Unit&, const float* sums, int64_t stripes, int64_t apart);
};

extern const Kernels kBaselineKernels;
extern const Kernels kAvx2Kernels;    // x86-64 only
extern const Kernels kAvx512Kernels;  // x86-64 only

}  // namespace dcnv4::convolution
