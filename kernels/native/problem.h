// One deformable convolution as the kernels see it, and the table of kernels that each instruction set provides.
#pragma once

#include <cstdint>

namespace dcnv4 {

enum Storage { kFloat32, kBfloat16, kFloat16, kStorageCount };

struct Problem {
  int64_t n, h, w;              // images and their size
  int64_t groups, d;            // channels are groups * d
  int64_t ho, wo;               // output size
  int64_t taps;                 // kernel taps
  int64_t offset_mask_channels; // including those that are ignored
  int64_t stride_y, stride_x;
  // A tap is at (q * stride + centre) - reach + (tap + offset) * offset_scale, rounded in this order.
  int64_t centre_y, centre_x;
  float reach_y, reach_x;
  const float* tap_y;           // [taps] places in the dilated kernel
  const float* tap_x;
  float offset_scale;

  const void* value;            // [n, h, w, groups * d]
  const void* offset_mask;      // [n, ho, wo, offset_mask_channels]
  const void* grad;             // [n, ho, wo, groups * d], backward only
  void* output;                 // [n, ho, wo, groups * d], forward only
  void* grad_value;             // like value, backward only
  void* grad_offset_mask;       // like offset_mask, backward only
};

// Some groups of one image, and the output rows [row_begin, row_end).
struct Unit {
  int64_t image, group_begin, group_end, row_begin, row_end;
};

// The kernels of one instruction set and storage type. A unit has one plane for each of its groups; all memory is aligned to 64
// bytes, and `scratch` holds strip_floats and the planes of the unit.
struct Kernels {
  int64_t (*plane_floats)(const Problem&);
  int64_t (*strip_floats)(const Problem&);
  void (*forward)(const Problem&, const Unit&, float* scratch);
  // Adds the unit's value gradient to `grad_planes`, which the caller has zeroed.
  void (*backward)(const Problem&, const Unit&, float* scratch, float* grad_planes);
  // Writes the value gradient of the unit's groups: the sum, in order, of the planes of `stripes` units that lie side by side.
  void (*store_grad_value)(const Problem&, const Unit&, const float* planes, int64_t stripes);
};

extern const Kernels kBaselineKernels[kStorageCount];
extern const Kernels kAvx2Kernels[kStorageCount];    // x86-64 only
extern const Kernels kAvx512Kernels[kStorageCount];  // x86-64 only

}  // namespace dcnv4
