// The XLA FFI handlers: read shapes and attributes, choose the kernels for this processor, share the work out.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

#include "host.h"
#include "parallel.h"
#include "problem.h"
#include "xla/ffi/api/ffi.h"

namespace dcnv4 {
namespace {

namespace ffi = xla::ffi;

// Units that a backward is cut into at least: a constant, so that the order of additions depends on the shapes alone.
constexpr int64_t kBackwardUnits = 8;

const Kernels* kernels_for(const Problem& p) {
#ifdef DCNV4_X86_KERNELS
  if (has_avx512() && p.d > 8) return kAvx512Kernels;
  if (has_avx2()) return kAvx2Kernels;
#endif
  return kBaselineKernels;
}

ffi::ErrorOr<const Kernels*> choose(const Problem& p, ffi::DataType dtype) {
  const Kernels* const table = kernels_for(p);
  if (table->plane_floats(p) > std::numeric_limits<int32_t>::max()) {
    return ffi::Unexpected(ffi::Error::InvalidArgument("value: one group of one image takes more than 2^31 padded elements"));
  }
  switch (dtype) {
    case ffi::DataType::F32: return table + kFloat32;
    case ffi::DataType::BF16: return table + kBfloat16;
    case ffi::DataType::F16: return table + kFloat16;
    default: return ffi::Unexpected(ffi::Error::InvalidArgument("value: expected float32, bfloat16 or float16"));
  }
}

Problem describe(ffi::AnyBuffer value, ffi::AnyBuffer offset_mask, int64_t groups, ffi::Span<const int64_t> strides,
                 ffi::Span<const int64_t> centre, ffi::Span<const float> reach, ffi::Span<const float> tap_y,
                 ffi::Span<const float> tap_x, float offset_scale) {
  const auto in = value.dimensions(), taps = offset_mask.dimensions();
  Problem p{};
  p.n = in[0];
  p.h = in[1];
  p.w = in[2];
  p.groups = groups;
  p.d = in[3] / groups;
  p.ho = taps[1];
  p.wo = taps[2];
  p.taps = int64_t(tap_x.size());
  p.offset_mask_channels = taps[3];
  p.stride_y = strides[0];
  p.stride_x = strides[1];
  p.centre_y = centre[0];
  p.centre_x = centre[1];
  p.reach_y = reach[0];
  p.reach_x = reach[1];
  p.tap_y = tap_y.begin();
  p.tap_x = tap_x.begin();
  p.offset_scale = offset_scale;
  p.value = value.untyped_data();
  p.offset_mask = offset_mask.untyped_data();
  return p;
}

// How each image is cut: into ranges of groups, and those into stripes of rows.
struct Cut {
  int64_t ranges, stripes;

  // At least `units` in all, as far as groups and rows go; an image is left whole when there are enough images.
  Cut(const Problem& p, int64_t units) {
    ranges = std::clamp<int64_t>((units + p.n - 1) / p.n, 1, p.groups);
    stripes = std::clamp<int64_t>((units + p.n * ranges - 1) / (p.n * ranges), 1, p.ho);
  }

  int64_t groups(const Problem& p) const { return (p.groups + ranges - 1) / ranges; }

  Unit unit(const Problem& p, int64_t index) const {
    const int64_t stripe = index % stripes, range = index / stripes % ranges, image = index / stripes / ranges;
    return {image, range * p.groups / ranges, (range + 1) * p.groups / ranges, stripe * p.ho / stripes,
            (stripe + 1) * p.ho / stripes};
  }
};

ffi::Error forward(ffi::ThreadPool pool, ffi::AnyBuffer value, ffi::AnyBuffer offset_mask, ffi::Result<ffi::AnyBuffer> output,
                   int64_t groups, ffi::Span<const int64_t> strides, ffi::Span<const int64_t> centre,
                   ffi::Span<const float> reach, ffi::Span<const float> tap_y, ffi::Span<const float> tap_x, float offset_scale) {
  Problem p = describe(value, offset_mask, groups, strides, centre, reach, tap_y, tap_x, offset_scale);
  p.output = output->untyped_data();
  const ffi::ErrorOr<const Kernels*> chosen = choose(p, value.element_type());
  if (!chosen.has_value()) return chosen.error();
  if (p.n == 0) return ffi::Error::Success();
  const Kernels& kernels = *chosen.value();
  const Cut cut(p, pool.num_threads());
  const int64_t scratch_floats = kernels.strip_floats(p) + cut.groups(p) * kernels.plane_floats(p);
  parallel_for(pool, p.n * cut.ranges * cut.stripes, [&](const Claim& claim) {
    const Scratch scratch = allocate(scratch_floats);
    for (int64_t i; claim(i);) kernels.forward(p, cut.unit(p, i), scratch.get());
  });
  return ffi::Error::Success();
}

ffi::Error backward(ffi::ThreadPool pool, ffi::AnyBuffer value, ffi::AnyBuffer offset_mask, ffi::AnyBuffer grad,
                    ffi::Result<ffi::AnyBuffer> grad_value, ffi::Result<ffi::AnyBuffer> grad_offset_mask, int64_t groups,
                    ffi::Span<const int64_t> strides, ffi::Span<const int64_t> centre, ffi::Span<const float> reach,
                    ffi::Span<const float> tap_y, ffi::Span<const float> tap_x, float offset_scale) {
  Problem p = describe(value, offset_mask, groups, strides, centre, reach, tap_y, tap_x, offset_scale);
  p.grad = grad.untyped_data();
  p.grad_value = grad_value->untyped_data();
  p.grad_offset_mask = grad_offset_mask->untyped_data();
  const ffi::ErrorOr<const Kernels*> chosen = choose(p, value.element_type());
  if (!chosen.has_value()) return chosen.error();
  if (p.n == 0) return ffi::Error::Success();
  const Kernels& kernels = *chosen.value();
  const Cut cut(p, kBackwardUnits);
  const int64_t unit_floats = cut.groups(p) * kernels.plane_floats(p), ranges = p.n * cut.ranges;
  // No two threads add to the same plane: each stripe has planes of its own, summed once all stripes of a range are done.
  const Scratch striped = cut.stripes > 1 ? allocate(ranges * cut.stripes * unit_floats) : nullptr;
  parallel_for(pool, ranges * cut.stripes, [&](const Claim& claim) {
    const Scratch scratch = allocate(kernels.strip_floats(p) + unit_floats), whole = striped ? nullptr : allocate(unit_floats);
    for (int64_t i; claim(i);) {
      const Unit unit = cut.unit(p, i);
      float* const grad_planes = striped ? striped.get() + i * unit_floats : whole.get();
      std::memset(grad_planes, 0, sizeof(float) * unit_floats);
      kernels.backward(p, unit, scratch.get(), grad_planes);
      if (!striped) kernels.store_grad_value(p, unit, grad_planes, 1);
    }
  });
  if (striped) {
    parallel_for(pool, ranges, [&](const Claim& claim) {
      for (int64_t i; claim(i);) {
        const int64_t first = i * cut.stripes;
        kernels.store_grad_value(p, cut.unit(p, first), striped.get() + first * unit_floats, cut.stripes);
      }
    });
  }
  return ffi::Error::Success();
}

}  // namespace
}  // namespace dcnv4

extern "C" __attribute__((visibility("default"))) XLA_FFI_Error* DeformConvForward(XLA_FFI_CallFrame*);
extern "C" __attribute__((visibility("default"))) XLA_FFI_Error* DeformConvBackward(XLA_FFI_CallFrame*);

XLA_FFI_DEFINE_HANDLER_SYMBOL(DeformConvForward, dcnv4::forward,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::AnyBuffer>()
                                  .Arg<xla::ffi::AnyBuffer>()
                                  .Ret<xla::ffi::AnyBuffer>()
                                  .Attr<int64_t>("groups")
                                  .Attr<xla::ffi::Span<const int64_t>>("strides")
                                  .Attr<xla::ffi::Span<const int64_t>>("centre")
                                  .Attr<xla::ffi::Span<const float>>("reach")
                                  .Attr<xla::ffi::Span<const float>>("tap_y")
                                  .Attr<xla::ffi::Span<const float>>("tap_x")
                                  .Attr<float>("offset_scale"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(DeformConvBackward, dcnv4::backward,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::AnyBuffer>()
                                  .Arg<xla::ffi::AnyBuffer>()
                                  .Arg<xla::ffi::AnyBuffer>()
                                  .Ret<xla::ffi::AnyBuffer>()
                                  .Ret<xla::ffi::AnyBuffer>()
                                  .Attr<int64_t>("groups")
                                  .Attr<xla::ffi::Span<const int64_t>>("strides")
                                  .Attr<xla::ffi::Span<const int64_t>>("centre")
                                  .Attr<xla::ffi::Span<const float>>("reach")
                                  .Attr<xla::ffi::Span<const float>>("tap_y")
                                  .Attr<xla::ffi::Span<const float>>("tap_x")
                                  .Attr<float>("offset_scale"));
