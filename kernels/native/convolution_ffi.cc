// The XLA FFI handler of the convolution's weight gradient: cuts the sum into units and shares them out.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "convolution.h"
#include "host.h"
#include "parallel.h"
#include "xla/ffi/api/ffi.h"

namespace dcnv4::convolution {
namespace {

namespace ffi = xla::ffi;

// Constants, so that the order of additions depends on the shapes alone.
constexpr int64_t kUnits = 16;     // units at least, as far as rows go
constexpr int64_t kChannels = 32;  // input channels of a unit at most

const Kernels& kernels_here() {
#ifdef DCNV4_X86_KERNELS
  if (has_avx512()) return kAvx512Kernels;
  if (has_avx2()) return kAvx2Kernels;
#endif
  return kBaselineKernels;
}

// How the sum is cut: into ranges of input channels, and those into stripes of strips.
struct Cut {
  int64_t strips, ranges, stripes;

  Cut(const Problem& p, const Kernels& kernels) : strips(kernels.strip_count(p)), ranges((p.ci + kChannels - 1) / kChannels) {
    stripes = std::clamp<int64_t>((kUnits + ranges - 1) / ranges, 1, std::max<int64_t>(strips, 1));
  }

  int64_t channels(const Problem& p) const { return (p.ci + ranges - 1) / ranges; }

  // The stripes of a range lie side by side.
  Unit unit(const Problem& p, int64_t index) const {
    const int64_t stripe = index % stripes, range = index / stripes;
    return {range * p.ci / ranges, (range + 1) * p.ci / ranges, stripe * strips / stripes, (stripe + 1) * strips / stripes};
  }
};

ffi::Error weight_gradient(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> input, ffi::Buffer<ffi::F32> grad,
                           ffi::Result<ffi::Buffer<ffi::F32>> weights, int64_t pad_top, int64_t pad_left) {
  const auto in = input.dimensions(), out = grad.dimensions(), kernel = weights->dimensions();
  if (weights->element_count() == 0) return ffi::Error::Success();
  if (input.element_count() == 0 || grad.element_count() == 0) {
    std::memset(weights->untyped_data(), 0, weights->size_bytes());
    return ffi::Error::Success();
  }
  const Problem p{in[0],     in[1],     in[2],   in[3],    out[1],             out[2],            out[3],
                  kernel[0], kernel[1], pad_top, pad_left, input.typed_data(), grad.typed_data(), weights->typed_data()};
  const Kernels& kernels = kernels_here();
  const Cut cut(p, kernels);
  const int64_t unit_floats = kernels.sum_floats(p, cut.channels(p));
  const Scratch sums = allocate(cut.ranges * cut.stripes * unit_floats);
  parallel_for(pool, cut.ranges * cut.stripes, [&](const Claim& claim) {
    const Scratch scratch = allocate(kernels.scratch_floats(p, cut.channels(p)));
    for (int64_t i; claim(i);) kernels.weight_gradient(p, cut.unit(p, i), scratch.get(), sums.get() + i * unit_floats);
  });
  parallel_for(pool, cut.ranges, [&](const Claim& claim) {
    for (int64_t i; claim(i);) {
      const int64_t first = i * cut.stripes;
      kernels.store_weights(p, cut.unit(p, first), sums.get() + first * unit_floats, cut.stripes, unit_floats);
    }
  });
  return ffi::Error::Success();
}

}  // namespace
}  // namespace dcnv4::convolution

extern "C" __attribute__((visibility("default"))) XLA_FFI_Error* ConvolutionWeightGradient(XLA_FFI_CallFrame*);

XLA_FFI_DEFINE_HANDLER_SYMBOL(ConvolutionWeightGradient, dcnv4::convolution::weight_gradient,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Attr<int64_t>("pad_top")
                                  .Attr<int64_t>("pad_left"));
