// The convolution itself, which is also the input gradient. Compiled once for each instruction set, as kernels.cc is.
//
// A strip's inputs are copied once, with zeros around them. A tile of outputs, neighbouring pixels by output channels, then stays in
// registers over all taps and input channels; for a row of taps, the inputs of one pixel are neighbours in memory.
#include "convolution.h"

#include <cstring>

#include "register_tile.h"
#include "strips.h"

namespace dcnv4::convolution::forward {
namespace {

int64_t pack_count(const Problem& p) { return p.kh; }

// Weights lie as [block of output channels][ky, kx, input channel, channels of the block].
int64_t packed_floats(const Problem& p) { return p.kh * p.kw * p.ci * Strips(p).lanes; }

void pack_weights(const Problem& p, bool transposed, int64_t ky, float* packed) {
  const int64_t lanes = Strips(p).lanes;
  for (int64_t c = 0; c < lanes; c += kWide) {
    const int64_t wide = std::min(kWide, lanes - c), present = std::min(wide, p.co - c);
    float* out = packed + (c * p.kh + ky * wide) * p.kw * p.ci;
    for (int64_t kx = 0; kx < p.kw; ++kx) {
      const int64_t tap = ky * p.kw + kx, last = p.kh * p.kw - 1;
      const float* const in = transposed ? p.weights + ((last - tap) * p.co + c) * p.ci : p.weights + tap * p.ci * p.co + c;
      const int64_t by_input = transposed ? 1 : p.co, by_output = transposed ? p.ci : 1;
      for (int64_t i = 0; i < p.ci; ++i, out += wide) {
        for (int64_t o = 0; o < present; ++o) out[o] = in[i * by_input + o * by_output];
        for (int64_t o = present; o < wide; ++o) out[o] = 0.0f;
      }
    }
  }
}

int64_t scratch_floats(const Problem& p) {
  const Strips strips(p);
  return strips.input_lines * strips.input_columns * p.ci;
}

// Copies the lines that the strip's taps reach, except those outside the image, which are not read.
void load_inputs(const Problem& p, const Strips& strips, const Strip& strip, float* out) {
  const int64_t first = strip.x - p.pad_left, count = strip.columns + p.kw - 1;
  const int64_t left = std::clamp<int64_t>(-first, 0, count), end = std::clamp<int64_t>(p.w - first, left, count);
  for (int64_t line = 0; line < strip.lines + p.kh - 1; ++line, out += strips.input_columns * p.ci) {
    const int64_t y = strip.y + line - p.pad_top;
    if (y < 0 || y >= p.h) continue;
    std::memset(out, 0, sizeof(float) * left * p.ci);
    const float* const in = p.input + ((strip.image * p.h + y) * p.w + first + left) * p.ci;
    if (end > left) std::memcpy(out + left * p.ci, in, sizeof(float) * (end - left) * p.ci);
    std::memset(out + end * p.ci, 0, sizeof(float) * (count - end) * p.ci);
  }
}

void convolve(const Problem& p, int64_t index, const float* packed, float* scratch) {
  const Strips strips(p);
  const Strip strip(p, strips, index);
  load_inputs(p, strips, strip, scratch);
  const int64_t pitch = strips.input_columns * p.ci, products = p.kw * p.ci;
  const int64_t step = ceil_div(strip.columns, ceil_div(strip.columns, kTilePixels));
  for (int64_t c = 0; c < strips.lanes; c += kWide) {
    const int64_t wide = std::min(kWide, strips.lanes - c);
    for (int64_t line = 0; line < strip.lines; ++line) {
      const int64_t y = strip.y + line;
      const int64_t above = std::clamp<int64_t>(p.pad_top - y, 0, p.kh);  // rows of taps outside the image
      const int64_t end = std::clamp<int64_t>(p.h + p.pad_top - y, above, p.kh);
      for (int64_t x = 0; x < strip.columns; x += step) {
        const Operands at{scratch + (line + above) * pitch + x * p.ci,
                          packed + (c * p.kh + above * wide) * products,
                          p.output + ((strip.image * p.ho + y) * p.wo + strip.x + x) * p.co + c,
                          end - above,
                          products,
                          pitch,
                          p.ci,
                          p.co,
                          std::min(wide, p.co - c)};
        const int64_t pixels = std::min(step, strip.columns - x);
        wide == kWide ? multiply_pixels<2>(pixels, at) : multiply_pixels<1>(pixels, at);
      }
    }
  }
}

}  // namespace

const Kernels DCNV4_KERNELS = {strip_count, packed_floats, scratch_floats, pack_count, pack_weights, convolve};

}  // namespace dcnv4::convolution::forward
