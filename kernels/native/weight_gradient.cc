// The weight gradient of a convolution: products of input and gradient, summed over pixels. Compiled once for each instruction set,
// as kernels.cc is.
//
// Some lines of one image at a time, a strip, are copied into panels that hold a block of channels for one pixel after another; then
// a tile of weights, input channels by output channels, stays in registers over all pixels of the strip.
#include "convolution.h"

#include <algorithm>
#include <cstring>

#include "vector.h"

namespace dcnv4::convolution {
namespace {

constexpr int64_t kStripPixels = 288;                 // about what the first cache holds of a panel of gradients
constexpr int kTileRows = DCNV4_LANES == 16 ? 8 : 4;  // a tile's sums leave registers for a row of gradients
constexpr int64_t kWide = 2 * DCNV4_LANES;            // output channels of a tile; the last may have one vector

constexpr int64_t ceil_div(int64_t number, int64_t divisor) { return (number + divisor - 1) / divisor; }

// Sizes of strips, and the panels of one, each [line, column, channels of its block]. Inputs have also the lines and columns that
// taps reach below and to the right.
struct Strips {
  int64_t columns, lines;  // of an output, at most
  int64_t across, down;    // strips of an image
  int64_t lanes;           // output channels rounded up to whole vectors
  int64_t input_columns, input_lines;
  float *grads, *inputs;

  Strips(const Problem& p, float* memory)
      : columns(std::min(p.wo, kStripPixels)),
        lines(std::min(p.ho, kStripPixels / columns)),
        across(ceil_div(p.wo, columns)),
        down(ceil_div(p.ho, lines)),
        lanes(ceil_div(p.co, DCNV4_LANES) * DCNV4_LANES),
        input_columns(columns + p.kw - 1),
        input_lines(lines + p.kh - 1),
        grads(memory),
        inputs(memory + lines * columns * lanes) {}

  float* grad_panel(int64_t channel) const { return grads + channel * lines * columns; }
  float* input_panel(int64_t channel) const { return inputs + channel * input_lines * input_columns; }
};

int64_t strip_count(const Problem& p) {
  const Strips strips(p, nullptr);
  return p.n * strips.down * strips.across;
}

int64_t scratch_floats(const Problem& p, int64_t channels) {
  const Strips strips(p, nullptr);
  return strips.lines * strips.columns * strips.lanes + strips.input_lines * strips.input_columns * channels;
}

int64_t sum_floats(const Problem& p, int64_t channels) { return p.kh * p.kw * channels * Strips(p, nullptr).lanes; }

// The outputs [y, y + lines) x [x, x + columns) of an image.
struct Strip {
  int64_t image, y, x, lines, columns;

  Strip(const Problem& p, const Strips& strips, int64_t index)
      : image(index / strips.across / strips.down),
        y(index / strips.across % strips.down * strips.lines),
        x(index % strips.across * strips.columns),
        lines(std::min(strips.lines, p.ho - y)),
        columns(std::min(strips.columns, p.wo - x)) {}
};

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

void load_inputs(const Problem& p, const Unit& unit, const Strips& strips, const Strip& strip) {
  const int64_t channels = unit.channel_end - unit.channel_begin;
  for (int64_t line = 0; line < strip.lines + p.kh - 1; ++line) {
    const int64_t y = strip.y + line - p.pad_top;
    if (y < 0 || y >= p.h) continue;  // such a line is not read
    const float* const in = p.input + (strip.image * p.h + y) * p.w * p.ci + unit.channel_begin;
    for (int64_t c = 0; c < channels; c += kTileRows) {
      const int64_t wide = std::min<int64_t>(kTileRows, channels - c);
      float* const panel = strips.input_panel(c) + line * strips.input_columns * wide;
      copy_columns(in + c, p.w, p.ci, strip.x - p.pad_left, strip.columns + p.kw - 1, wide, panel);
    }
  }
}

void load_grads(const Problem& p, const Strips& strips, const Strip& strip) {
  for (int64_t line = 0; line < strip.lines; ++line) {
    for (int64_t c = 0; c < strips.lanes; c += kWide) {
      const int64_t wide = std::min(kWide, strips.lanes - c), present = std::min(wide, p.co - c);
      const float* in = p.grad + (((strip.image * p.ho + strip.y + line) * p.wo) + strip.x) * p.co + c;
      float* out = strips.grad_panel(c) + line * strips.columns * wide;
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
void multiply(const Operands& panels, float* sums, int64_t lanes) {
  Vector tile[kRows][kVectors] = {};
  for (int64_t line = 0; line < panels.lines; ++line) {
    const float* in = panels.inputs + line * panels.input_pitch;
    const float* out = panels.grads + line * panels.grad_pitch;
    for (int64_t column = 0; column < panels.columns; ++column, in += panels.channels, out += kVectors * DCNV4_LANES) {
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
void multiply_rows(int64_t rows, const Operands& panels, float* sums, int64_t lanes) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return multiply_rows<kVectors, kRows - 1>(rows, panels, sums, lanes);
  }
  multiply<kRows, kVectors>(panels, sums, lanes);
}

// Adds the products of one row of taps of one block of input channels with one block of output channels.
void add_products(const Problem& p, const Strips& strips, const Strip& strip, int64_t ky, int64_t channels, const float* inputs,
                  int64_t wide, const float* grads, float* sums) {
  const int64_t above = std::max<int64_t>(p.pad_top - ky - strip.y, 0);  // lines for which the tap lies above the image
  const int64_t end = std::min(strip.lines, p.h + p.pad_top - ky - strip.y);
  Operands panels{end - above,
                  strip.columns,
                  strips.input_columns * channels,
                  strips.columns * wide,
                  channels,
                  inputs + (above + ky) * strips.input_columns * channels,
                  grads + above * strips.columns * wide};
  if (panels.lines <= 0) return;
  // Side by side in a panel: the channels at the first tap, at the second, and so on.
  const int64_t rows = p.kw * channels, step = ceil_div(rows, ceil_div(rows, kTileRows));
  for (int64_t row = 0; row < rows; row += step, panels.inputs += step, sums += step * strips.lanes) {
    const int64_t taken = std::min(step, rows - row);
    if (wide == kWide) {
      multiply_rows<2>(taken, panels, sums, strips.lanes);
    } else {
      multiply_rows<1>(taken, panels, sums, strips.lanes);
    }
  }
}

void weight_gradient(const Problem& p, const Unit& unit, float* scratch, float* sums) {
  const int64_t channels = unit.channel_end - unit.channel_begin;
  const Strips strips(p, scratch);
  std::memset(sums, 0, sizeof(float) * p.kh * p.kw * channels * strips.lanes);
  for (int64_t index = unit.strip_begin; index < unit.strip_end; ++index) {
    const Strip strip(p, strips, index);
    load_inputs(p, unit, strips, strip);
    load_grads(p, strips, strip);
    for (int64_t o = 0; o < strips.lanes; o += kWide) {
      for (int64_t i = 0; i < channels; i += kTileRows) {
        const int64_t block = std::min<int64_t>(kTileRows, channels - i);
        for (int64_t ky = 0; ky < p.kh; ++ky) {
          add_products(p, strips, strip, ky, block, strips.input_panel(i), std::min(kWide, strips.lanes - o), strips.grad_panel(o),
                       sums + p.kw * (i * p.kh + ky * block) * strips.lanes + o);
        }
      }
    }
  }
}

// Sums lie as [block of input channels][ky, kx, channel of the block, lanes].
void store_weights(const Problem& p, const Unit& unit, const float* sums, int64_t stripes, int64_t apart) {
  const int64_t channels = unit.channel_end - unit.channel_begin, lanes = Strips(p, nullptr).lanes;
  for (int64_t i = 0; i < channels; i += kTileRows) {
    const int64_t block = std::min<int64_t>(kTileRows, channels - i);
    for (int64_t row = 0; row < p.kh * p.kw * block; ++row, sums += lanes) {
      float* const out = p.weights + (row / block * p.ci + unit.channel_begin + i + row % block) * p.co;
      std::memcpy(out, sums, sizeof(float) * p.co);
      for (int64_t stripe = 1; stripe < stripes; ++stripe) {
        for (int64_t o = 0; o < p.co; ++o) out[o] += sums[stripe * apart + o];
      }
    }
  }
}

}  // namespace

const Kernels DCNV4_KERNELS = {strip_count, scratch_floats, sum_floats, weight_gradient, store_weights};

}  // namespace dcnv4::convolution
