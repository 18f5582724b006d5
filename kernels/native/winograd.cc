// 3x3 convolution with 4/9 of the multiplications: Winograd's minimal filtering F(2x2, 3x3), as in Lavin and Gray 2016, arXiv
// 1509.09308. Compiled once for each instruction set, as kernels.cc is.
//
// A square of 4x4 inputs and the 3x3 weights become 4x4 values each, whose products, summed over the input channels, become a square
// of 2x2 outputs. For each of these 16 places the sums are a product of two matrices: squares by input channels, and input by output
// channels.
#include "convolution.h"

#include <algorithm>
#include <cstring>

#include "register_tile.h"
#include "vector.h"

namespace dcnv4::convolution::winograd {
namespace {

constexpr int64_t kPlaces = 16;              // of a transformed square
constexpr int64_t kGroup = 2 * kTilePixels;  // squares that are transformed, multiplied and stored at a time
constexpr int64_t kFewest = kTilePixels;     // squares of a strip
constexpr int64_t kMost = 48;
constexpr int64_t kEnoughStrips = 8;         // of all images, for several threads
constexpr int64_t kPackedChannels = 16;      // input channels whose weights one thread transforms: a cache line of them

// How the squares of outputs are cut into strips: some lines of squares of one image, or a part of a line that is long.
struct Strips {
  int64_t columns, lines;  // squares of a strip, at most
  int64_t across, down;    // strips of an image
  int64_t pitch;           // inputs from line to line of a strip's copy
  int64_t lanes;           // output channels rounded up to whole vectors

  explicit Strips(const Problem& p) {
    const int64_t squares_across = ceil_div(p.wo, 2), squares_down = ceil_div(p.ho, 2);
    const int64_t wanted = std::clamp(p.n * squares_across * squares_down / kEnoughStrips, kFewest, kMost);
    across = ceil_div(squares_across, wanted);
    columns = ceil_div(squares_across, across);
    lines = std::min(wanted / columns, squares_down);
    down = ceil_div(squares_down, lines);
    pitch = (2 * columns + 2) * p.ci;
    lanes = ceil_div(p.co, DCNV4_LANES) * DCNV4_LANES;
  }

  int64_t squares() const { return columns * lines; }
  int64_t copied_floats() const { return ceil_div((2 * lines + 2) * pitch + DCNV4_LANES, DCNV4_LANES) * DCNV4_LANES; }
};

struct Strip {
  int64_t image, y, x, lines, columns;  // outputs from (y, x) on; lines and columns of squares

  Strip(const Problem& p, const Strips& strips, int64_t index)
      : image(index / strips.across / strips.down),
        y(index / strips.across % strips.down * strips.lines * 2),
        x(index % strips.across * strips.columns * 2),
        lines(std::min(strips.lines, ceil_div(p.ho - y, 2))),
        columns(std::min(strips.columns, ceil_div(p.wo - x, 2))) {}
};

int64_t strip_count(const Problem& p) {
  const Strips strips(p);
  return p.n * strips.down * strips.across;
}

int64_t pack_count(const Problem& p) { return ceil_div(p.ci, kPackedChannels); }

int64_t packed_floats(const Problem& p) { return kPlaces * p.ci * Strips(p).lanes; }

// Transforms the weights of one input channel and of the block of output channels from c on.
void pack_block(const Problem& p, bool transposed, int64_t i, int64_t c, int64_t wide, float* out) {
  const int64_t present = std::min(wide, p.co - c), apart = p.ci * wide;
  float taps[9][kWide] = {}, half[4][3][kWide];
  for (int64_t tap = 0; tap < 9; ++tap) {
    const float* const in = p.weights + (transposed ? ((8 - tap) * p.co + c) * p.ci + i : (tap * p.ci + i) * p.co + c);
    for (int64_t o = 0; o < present; ++o) taps[tap][o] = in[o * (transposed ? p.ci : 1)];
  }
  for (int64_t kx = 0; kx < 3; ++kx) {
    for (int64_t o = 0; o < wide; ++o) {
      const float first = taps[kx][o], middle = taps[3 + kx][o], last = taps[6 + kx][o];
      half[0][kx][o] = first;
      half[1][kx][o] = 0.5f * ((first + last) + middle);
      half[2][kx][o] = 0.5f * ((first + last) - middle);
      half[3][kx][o] = last;
    }
  }
  for (int64_t row = 0; row < 4; ++row, out += 4 * apart) {
    for (int64_t o = 0; o < wide; ++o) {
      const float first = half[row][0][o], middle = half[row][1][o], last = half[row][2][o];
      out[o] = first;
      out[apart + o] = 0.5f * ((first + last) + middle);
      out[2 * apart + o] = 0.5f * ((first + last) - middle);
      out[3 * apart + o] = last;
    }
  }
}

// Transformed weights lie as [block of output channels][place, input channel, channels of the block].
void pack_weights(const Problem& p, bool transposed, int64_t part, float* packed) {
  const int64_t lanes = Strips(p).lanes, end = std::min(p.ci, (part + 1) * kPackedChannels);
  for (int64_t c = 0; c < lanes; c += kWide) {
    const int64_t wide = std::min(kWide, lanes - c);
    for (int64_t i = part * kPackedChannels; i < end; ++i) {
      pack_block(p, transposed, i, c, wide, packed + c * kPlaces * p.ci + i * wide);
    }
  }
}

// From place to place of a group. The last vector of channels may reach beyond them, into the next square, which is written later.
int64_t place_floats(const Problem& p) { return kGroup * p.ci + DCNV4_LANES; }

int64_t scratch_floats(const Problem& p) { return Strips(p).copied_floats() + kPlaces * (place_floats(p) + kGroup * kWide); }

// Copies the strip's inputs with zeros around the image.
void copy_inputs(const Problem& p, const Strips& strips, const Strip& strip, float* out) {
  const int64_t first = strip.x - p.pad_left, count = 2 * strip.columns + 2;
  const int64_t left = std::clamp<int64_t>(-first, 0, count), end = std::clamp<int64_t>(p.w - first, left, count);
  for (int64_t line = 0; line < 2 * strip.lines + 2; ++line, out += strips.pitch) {
    const int64_t y = strip.y + line - p.pad_top;
    const bool inside = y >= 0 && y < p.h && end > left;
    const int64_t from = inside ? left : count, to = inside ? end : count;
    std::memset(out, 0, sizeof(float) * from * p.ci);
    if (inside) {
      const float* const in = p.input + ((strip.image * p.h + y) * p.w + first + left) * p.ci;
      std::memcpy(out + left * p.ci, in, sizeof(float) * (end - left) * p.ci);
    }
    std::memset(out + to * p.ci, 0, sizeof(float) * (count - to) * p.ci);
  }
}

inline Vector load_anywhere(const float* at) {
  Vector vector;
  std::memcpy(&vector, at, sizeof vector);
  return vector;
}

inline void store_anywhere(float* at, Vector vector) { std::memcpy(at, &vector, sizeof vector); }

// The four values of four neighbours in a line.
inline void transform_inputs(Vector& a, Vector& b, Vector& c, Vector& d) {
  const Vector first = a - c, second = b + c, third = c - b, fourth = b - d;
  a = first, b = second, c = third, d = fourth;
}

void transform_square(const float* in, int64_t pitch, int64_t ci, float* out, int64_t apart) {
  for (int64_t c = 0; c < ci; c += DCNV4_LANES) {
    Vector at[4][4];
    for (int row = 0; row < 4; ++row) {
      for (int column = 0; column < 4; ++column) at[row][column] = load_anywhere(in + row * pitch + column * ci + c);
      transform_inputs(at[row][0], at[row][1], at[row][2], at[row][3]);
    }
    for (int column = 0; column < 4; ++column) {
      transform_inputs(at[0][column], at[1][column], at[2][column], at[3][column]);
      for (int row = 0; row < 4; ++row) store_anywhere(out + (4 * row + column) * apart + c, at[row][column]);
    }
  }
}

// The outputs of one square and one vector of channels, of which `channels` are written; lines and columns beyond the image are not.
void store_square(const float* sums, int64_t apart, int64_t lines, int64_t columns, float* out, int64_t line_pitch, int64_t co,
                  int64_t channels) {
  Vector half[2][4];
  for (int column = 0; column < 4; ++column) {
    Vector at[4];
    for (int row = 0; row < 4; ++row) at[row] = load(sums + (4 * row + column) * apart);
    half[0][column] = at[0] + at[1] + at[2];
    half[1][column] = at[1] - at[2] - at[3];
  }
  for (int64_t line = 0; line < lines; ++line) {
    const Vector* const at = half[line];
    const Vector both[2] = {at[0] + at[1] + at[2], at[1] - at[2] - at[3]};
    for (int64_t column = 0; column < columns; ++column) {
      float* const to = out + line * line_pitch + column * co;
      if (channels == DCNV4_LANES) {
        store_anywhere(to, both[column]);
      } else {
        std::memcpy(to, &both[column], sizeof(float) * channels);
      }
    }
  }
}

void convolve(const Problem& p, int64_t index, const float* packed, float* scratch) {
  const Strips strips(p);
  const Strip strip(p, strips, index);
  const int64_t squares = strip.lines * strip.columns, place = place_floats(p);
  float* const transformed = scratch + strips.copied_floats();
  float* const sums = transformed + kPlaces * place;
  copy_inputs(p, strips, strip, scratch);
  for (int64_t first = 0; first < squares; first += kGroup) {
    const int64_t count = std::min(kGroup, squares - first);
    for (int64_t s = 0; s < count; ++s) {
      const int64_t line = (first + s) / strip.columns, column = (first + s) % strip.columns;
      transform_square(scratch + 2 * (line * strips.pitch + column * p.ci), strips.pitch, p.ci, transformed + s * p.ci, place);
    }
    for (int64_t c = 0; c < strips.lanes; c += kWide) {
      const int64_t wide = std::min(kWide, strips.lanes - c), apart = count * wide;
      for (int64_t k = 0; k < kPlaces; ++k) {
        for (int64_t s = 0; s < count; s += kTilePixels) {
          const Operands at{transformed + k * place + s * p.ci,
                            packed + (c * kPlaces + k * wide) * p.ci,
                            sums + k * apart + s * wide,
                            1,
                            p.ci,
                            0,
                            p.ci,
                            wide,
                            wide};
          const int64_t pixels = std::min<int64_t>(kTilePixels, count - s);
          wide == kWide ? multiply_pixels<2>(pixels, at) : multiply_pixels<1>(pixels, at);
        }
      }
      for (int64_t s = 0; s < count; ++s) {
        const int64_t y = strip.y + (first + s) / strip.columns * 2, x = strip.x + (first + s) % strip.columns * 2;
        float* const out = p.output + ((strip.image * p.ho + y) * p.wo + x) * p.co + c;
        const int64_t lines = std::min<int64_t>(2, p.ho - y), columns = std::min<int64_t>(2, p.wo - x);
        for (int64_t v = 0; v < wide; v += DCNV4_LANES) {
          const int64_t channels = std::min<int64_t>(DCNV4_LANES, p.co - c - v);
          store_square(sums + s * wide + v, apart, lines, columns, out + v, p.wo * p.co, p.co, channels);
        }
      }
    }
  }
}

}  // namespace

const forward::Kernels DCNV4_KERNELS = {strip_count, packed_floats, scratch_floats, pack_count, pack_weights, convolve};

}  // namespace dcnv4::convolution::winograd
