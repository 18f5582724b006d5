// The XLA FFI handlers of convolution and of its weight gradient: choose the kernels for this processor, share the work out.
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
using Array = ffi::Buffer<ffi::F32>;
using Dimensions = ffi::Span<const int64_t>;

// Constants, so that the order of additions in a weight gradient depends on the shapes alone.
constexpr int64_t kUnits = 16;     // units at least, as far as strips go
constexpr int64_t kChannels = 32;  // input channels of a unit at most

constexpr int64_t kWinogradChannels = 16;  // input and output channels from which on it was the faster one

// The kernels of one instruction set.
struct Tables {
  const forward::Kernels &direct, &winograd;
  const weight_gradient::Kernels& weight_gradient;
};

// Those of this processor.
Tables tables() {
#ifdef DCNV4_X86_KERNELS
  if (has_avx512()) return {forward::kAvx512Kernels, winograd::kAvx512Kernels, weight_gradient::kAvx512Kernels};
  if (has_avx2()) return {forward::kAvx2Kernels, winograd::kAvx2Kernels, weight_gradient::kAvx2Kernels};
#endif
  return {forward::kBaselineKernels, winograd::kBaselineKernels, weight_gradient::kBaselineKernels};
}

// Its transforms must pay for themselves: they take as long for one output channel as for many.
bool suits_winograd(const Problem& p) { return p.kh == 3 && p.kw == 3 && p.ci >= kWinogradChannels && p.co >= kWinogradChannels; }

Problem describe(Dimensions input, Dimensions output, Dimensions weights, int64_t pad_top, int64_t pad_left) {
  Problem p{};
  p.n = input[0];
  p.h = input[1];
  p.w = input[2];
  p.ci = input[3];
  p.ho = output[1];
  p.wo = output[2];
  p.co = output[3];
  p.kh = weights[0];
  p.kw = weights[1];
  p.pad_top = pad_top;
  p.pad_left = pad_left;
  return p;
}

// Writes sums of nothing.
ffi::Error clear(ffi::Result<Array> result) {
  std::memset(result->untyped_data(), 0, result->size_bytes());
  return ffi::Error::Success();
}

ffi::Error convolve(ffi::ThreadPool pool, Array input, Array weights, ffi::Result<Array> output, int64_t pad_top,
                    int64_t pad_left, bool transposed) {
  if (input.element_count() == 0 || weights.element_count() == 0 || output->element_count() == 0) return clear(output);
  Problem p = describe(input.dimensions(), output->dimensions(), weights.dimensions(), pad_top, pad_left);
  p.input = input.typed_data();
  p.weights = weights.typed_data();
  p.output = output->typed_data();
  const forward::Kernels& kernels = suits_winograd(p) ? tables().winograd : tables().direct;
  const Scratch packed = allocate(kernels.packed_floats(p));
  parallel_for(pool, kernels.pack_count(p), [&](const Claim& claim) {
    for (int64_t part; claim(part);) kernels.pack_weights(p, transposed, part, packed.get());
  });
  parallel_for(pool, kernels.strip_count(p), [&](const Claim& claim) {
    const Scratch scratch = allocate(kernels.scratch_floats(p));
    for (int64_t strip; claim(strip);) kernels.convolve(p, strip, packed.get(), scratch.get());
  });
  return ffi::Error::Success();
}

// How a weight gradient is cut: into ranges of input channels, and those into stripes of strips.
struct Cut {
  int64_t strips, ranges, stripes;

  Cut(const Problem& p, int64_t strips) : strips(strips), ranges((p.ci + kChannels - 1) / kChannels) {
    stripes = std::min((kUnits + ranges - 1) / ranges, strips);
  }

  int64_t channels(const Problem& p) const { return (p.ci + ranges - 1) / ranges; }

  // The stripes of a range lie side by side.
  weight_gradient::Unit unit(const Problem& p, int64_t index) const {
    const int64_t stripe = index % stripes, range = index / stripes;
    return {range * p.ci / ranges, (range + 1) * p.ci / ranges, stripe * strips / stripes, (stripe + 1) * strips / stripes};
  }
};

ffi::Error sum_weight_gradient(ffi::ThreadPool pool, Array input, Array grad, ffi::Result<Array> grad_weights, int64_t pad_top,
                               int64_t pad_left) {
  if (input.element_count() == 0 || grad.element_count() == 0 || grad_weights->element_count() == 0) return clear(grad_weights);
  Problem p = describe(input.dimensions(), grad.dimensions(), grad_weights->dimensions(), pad_top, pad_left);
  p.input = input.typed_data();
  p.grad = grad.typed_data();
  p.grad_weights = grad_weights->typed_data();
  const weight_gradient::Kernels& kernels = tables().weight_gradient;
  const Cut cut(p, kernels.strip_count(p));
  const int64_t unit_floats = kernels.sum_floats(p, cut.channels(p));
  const Scratch sums = allocate(cut.ranges * cut.stripes * unit_floats);
  parallel_for(pool, cut.ranges * cut.stripes, [&](const Claim& claim) {
    const Scratch scratch = allocate(kernels.scratch_floats(p, cut.channels(p)));
    for (int64_t i; claim(i);) kernels.add_up(p, cut.unit(p, i), scratch.get(), sums.get() + i * unit_floats);
  });
  parallel_for(pool, cut.ranges, [&](const Claim& claim) {
    for (int64_t i; claim(i);) {
      const int64_t first = i * cut.stripes;
      kernels.store_grads(p, cut.unit(p, first), sums.get() + first * unit_floats, cut.stripes, unit_floats);
    }
  });
  return ffi::Error::Success();
}

}  // namespace
}  // namespace dcnv4::convolution

extern "C" __attribute__((visibility("default"))) XLA_FFI_Error* ConvolutionForward(XLA_FFI_CallFrame*);
extern "C" __attribute__((visibility("default"))) XLA_FFI_Error* ConvolutionWeightGradient(XLA_FFI_CallFrame*);

XLA_FFI_DEFINE_HANDLER_SYMBOL(ConvolutionForward, dcnv4::convolution::convolve,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Attr<int64_t>("pad_top")
                                  .Attr<int64_t>("pad_left")
                                  .Attr<bool>("transposed"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(ConvolutionWeightGradient, dcnv4::convolution::sum_weight_gradient,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Attr<int64_t>("pad_top")
                                  .Attr<int64_t>("pad_left"));
