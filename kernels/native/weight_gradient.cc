// The weight gradient of a convolution: products of input and gradient, summed over pixels. Compiled once for each instruction set,
// as kernels.cc is.
//
// Some lines of one image at a time, a strip, are copied into panels that hold a block of channels for one pixel after another; then
// a tile of weights, input channels by output channels, stays in registers over all pixels of the strip.
#include "convolution.h"

#include <cstring>

#include "strips.h"
#include "vector.h"

namespace dcnv4::convolution::weight_gradient {
namespace {

constexpr int kTileRows = DCNV4_LANES == 16 ? 8 : 4;  // a tile's sums leave registers for a row of gradients

// The panels of a strip, each [line, column, channels of its block]. Inputs have also the lines and columns that taps reach.
struct Panels : Strips {
  float *grads, *inputs;

  Panels(const Problem& p, float* memory) : Strips(p), grads(memory), inputs(memory + lines * columns * lanes) {}

  float* grad_panel(int64_t channel) const { return grads + channel * lines * columns; }
  float* input_panel(int64_t channel) const { return inputs + channel * input_lines * input_columns; }
};

int64_t scratch_floats(const Problem& p, int64_t channels) {
  const Strips strips(p);
  return strips.lines * strips.columns * strips.lanes + strips.input_lines * strips.input_columns * channels;
}

int64_t sum_floats(const Problem& p, int64_t channels) { return p.kh * p.kw * channels * Strips(p).lanes; }

// Copies `count` columns from `first` on of a line [width, pitch], zeros outside, into a panel of `channels`.
void copy_columns(const float* line, int64_t width, int64_t pitch, int64_t first, int64_t count, int64_t channels, float* panel) {
  for (int64_t x = first; x < first + count; ++x, panel += channels) {
    const float* const in = line + x * pitch;
    if (x < 0 || x >= width) {
      std::memset(panel, 0, sizeof(float) * channels);
    } else if (channels == kTileRows) {
      std::memcpy(panel, in, sizeof(float) * kTileRows);  // of a known size: a vector's load and store
    } else {
      for (int64_t c = 0; c < channels; ++c) panel[c] = in[c];
    }
  }
}

void load_inputs(const Problem& p, const Unit& unit, const Panels& panels, const Strip& strip) {
  const int64_t channels = unit.channel_end - unit.channel_begin;
  for (int64_t line = 0; line < strip.lines + p.kh - 1; ++line) {
    const int64_t y = strip.y + line - p.pad_top;
    if (y < 0 || y >= p.h) continue;  // such a line is not read
    const float* const in = p.input + (strip.image * p.h + y) * p.w * p.ci + unit.channel_begin;
    for (int64_t c = 0; c < channels; c += kTileRows) {
      const int64_t wide = std::min<int64_t>(kTileRows, channels - c);
      float* const panel = panels.input_panel(c) + line * panels.input_columns * wide;
      copy_columns(in + c, p.w, p.ci, strip.x - p.pad_left, strip.columns + p.kw - 1, wide, panel);
    }
  }
}

void load_grads(const Problem& p, const Panels& panels, const Strip& strip) {
  for (int64_t line = 0; line < strip.lines; ++line) {
    for (int64_t c = 0; c < panels.lanes; c += kWide) {
      const int64_t wide = std::min(kWide, panels.lanes - c), present = std::min(wide, p.co - c);
      const float* in = p.grad + (((strip.image * p.ho + strip.y + line) * p.wo) + strip.x) * p.co + c;
      float* out = panels.grad_panel(c) + line * panels.columns * wide;
      for (int64_t column = 0; column < strip.columns; ++column, in += p.co, out += wide) {
        if (present == kWide) {
          std::memcpy(out, in, sizeof(float) * kWide);
        } else {
          for (int64_t i = 0; i < present; ++i) out[i] = in[i];
          for (int64_t i = present; i < wide; ++i) out[i] = 0.0f;
        }
      }
    }
  }
}

// Panels from the first pixel of a tile on.
struct Operands {
  int64_t lines, columns;
  int64_t input_pitch, grad_pitch;  // floats from line to line
  int64_t channels;                 // of the input panel
  const float *inputs, *grads;
};

// Adds to a tile: for each pixel, `kRows` neighbouring floats of the input panel times `kVectors` vectors of gradients.
template <int kRows, int kVectors>
void multiply(const Operands& at, float* sums, int64_t lanes) {
  Vector tile[kRows][kVectors] = {};
  for (int64_t line = 0; line < at.lines; ++line) {
    const float* in = at.inputs + line * at.input_pitch;
    const float* out = at.grads + line * at.grad_pitch;
    for (int64_t column = 0; column < at.columns; ++column, in += at.channels, out += kVectors * DCNV4_LANES) {
      for (int v = 0; v < kVectors; ++v) {
        const Vector grad = load(out + v * DCNV4_LANES);
        for (int r = 0; r < kRows; ++r) tile[r][v] += in[r] * grad;
      }
    }
  }
  for (int r = 0; r < kRows; ++r, sums += lanes) {
    for (int v = 0; v < kVectors; ++v) store(sums + v * DCNV4_LANES, load(sums + v * DCNV4_LANES) + tile[r][v]);
  }
}

template <int kVectors, int kRows = kTileRows>
void multiply_rows(int64_t rows, const Operands& at, float* sums, int64_t lanes) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return multiply_rows<kVectors, kRows - 1>(rows, at, sums, lanes);
  }
  multiply<kRows, kVectors>(at, sums, lanes);
}

// Adds the products of one row of taps of one block of input channels with one block of output channels.
void add_products(const Problem& p, const Panels& panels, const Strip& strip, int64_t ky, int64_t channels, const float* inputs,
                  int64_t wide, const float* grads, float* sums) {
  const int64_t above = std::max<int64_t>(p.pad_top - ky - strip.y, 0);  // lines for which the tap lies above the image
  const int64_t end = std::min(strip.lines, p.h + p.pad_top - ky - strip.y);
  if (end <= above) return;
  Operands at{end - above,
              strip.columns,
              panels.input_columns * channels,
              panels.columns * wide,
              channels,
              inputs + (above + ky) * panels.input_columns * channels,
              grads + above * panels.columns * wide};
  // Side by side in a panel: the channels at the first tap, at the second, and so on.
  const int64_t rows = p.kw * channels, step = ceil_div(rows, ceil_div(rows, kTileRows));
  for (int64_t row = 0; row < rows; row += step, at.inputs += step, sums += step * panels.lanes) {
    const int64_t taken = std::min(step, rows - row);
    wide == kWide ? multiply_rows<2>(taken, at, sums, panels.lanes) : multiply_rows<1>(taken, at, sums, panels.lanes);
  }
}

void add_up(const Problem& p, const Unit& unit, float* scratch, float* sums) {
  const int64_t channels = unit.channel_end - unit.channel_begin;
  const Panels panels(p, scratch);
  std::memset(sums, 0, sizeof(float) * p.kh * p.kw * channels * panels.lanes);
  for (int64_t index = unit.strip_begin; index < unit.strip_end; ++index) {
    const Strip strip(p, panels, index);
    load_inputs(p, unit, panels, strip);
    load_grads(p, panels, strip);
    for (int64_t o = 0; o < panels.lanes; o += kWide) {
      for (int64_t i = 0; i < channels; i += kTileRows) {
        const int64_t block = std::min<int64_t>(kTileRows, channels - i);
        for (int64_t ky = 0; ky < p.kh; ++ky) {
          add_products(p, panels, strip, ky, block, panels.input_panel(i), std::min(kWide, panels.lanes - o), panels.grad_panel(o),
                       sums + p.kw * (i * p.kh + ky * block) * panels.lanes + o);
        }
      }
    }
  }
}

// Sums lie as [block of input channels][ky, kx, channel of the block, lanes].
void store_grads(const Problem& p, const Unit& unit, const float* sums, int64_t stripes, int64_t apart) {
  const int64_t channels = unit.channel_end - unit.channel_begin, lanes = Strips(p).lanes;
  for (int64_t i = 0; i < channels; i += kTileRows) {
    const int64_t block = std::min<int64_t>(kTileRows, channels - i);
    for (int64_t row = 0; row < p.kh * p.kw * block; ++row, sums += lanes) {
      float* const out = p.grad_weights + (row / block * p.ci + unit.channel_begin + i + row % block) * p.co;
      std::memcpy(out, sums, sizeof(float) * p.co);
      for (int64_t stripe = 1; stripe < stripes; ++stripe) {
        for (int64_t o = 0; o < p.co; ++o) out[o] += sums[stripe * apart + o];
      }
    }
  }
}

}  // namespace

const Kernels DCNV4_KERNELS = {strip_count, scratch_floats, sum_floats, add_up, store_grads};

}  // namespace dcnv4::convolution::weight_gradient
