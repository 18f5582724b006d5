// A convolution as the kernels see it, and the tables of kernels that each instruction set provides.
#pragma once

#include <cstdint>

namespace dcnv4::convolution {

// Stride 1, zero padding. Output (y, x, o) is the sum over taps (ky, kx) and input channels i of
// input(y + ky - pad_top, x + kx - pad_left, i) * weights(ky, kx, i, o).
struct Problem {
  int64_t n, h, w, ci;  // input [n, h, w, ci]
  int64_t ho, wo, co;   // output [n, ho, wo, co]
  int64_t kh, kw;       // weights [kh, kw, ci, co]
  int64_t pad_top, pad_left;

  const float* input;
  const float* weights;   // forward only
  float* output;          // forward only
  const float* grad;      // like output, weight gradient only
  float* grad_weights;    // like weights, weight gradient only
};

// Outputs are computed by strips, some lines of one image; all memory is aligned to 64 bytes.
namespace forward {

struct Kernels {
  int64_t (*strip_count)(const Problem&);
  int64_t (*packed_floats)(const Problem&);
  int64_t (*scratch_floats)(const Problem&);
  int64_t (*pack_count)(const Problem&);
  // Brings one of `pack_count` parts of the weights to where and how `convolve` reads them. `transposed` are those of the input
  // gradient: they lie as [kh, kw, co, ci], and the taps in reverse.
  void (*pack_weights)(const Problem&, bool transposed, int64_t part, float* packed);
  void (*convolve)(const Problem&, int64_t strip, const float* packed, float* scratch);
};

extern const Kernels kBaselineKernels;
extern const Kernels kAvx2Kernels;    // x86-64 only
extern const Kernels kAvx512Kernels;  // x86-64 only

}  // namespace forward

// The same for 3x3 taps, with fewer multiplications.
namespace winograd {

extern const forward::Kernels kBaselineKernels;
extern const forward::Kernels kAvx2Kernels;    // x86-64 only
extern const forward::Kernels kAvx512Kernels;  // x86-64 only

}  // namespace winograd

namespace weight_gradient {

// A range of input channels, summed over some strips.
struct Unit {
  int64_t channel_begin, channel_end, strip_begin, strip_end;
};

struct Kernels {
  int64_t (*strip_count)(const Problem&);
  int64_t (*scratch_floats)(const Problem&, int64_t channels);
  int64_t (*sum_floats)(const Problem&, int64_t channels);
  void (*add_up)(const Problem&, const Unit&, float* scratch, float* sums);
  // Writes the gradients of the unit's channels: the sum, in order, of `stripes` units' sums that lie `apart` floats apart.
  void (*store_grads)(const Problem&, const Unit&, const float* sums, int64_t stripes, int64_t apart);
};

extern const Kernels kBaselineKernels;
extern const Kernels kAvx2Kernels;    // x86-64 only
extern const Kernels kAvx512Kernels;  // x86-64 only

}  // namespace weight_gradient
}  // namespace dcnv4::convolution
