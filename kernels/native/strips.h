// How a convolution's outputs are cut into strips: some lines of one image, or a part of a line that is long.
#pragma once

#include <algorithm>

#include "convolution.h"
#include "register_tile.h"

namespace dcnv4::convolution {
namespace {

constexpr int64_t kStripPixels = 288;  // about what the first cache holds of one tile's channels

struct Strips {
  int64_t columns, lines;              // of a strip, at most
  int64_t across, down;                // strips of an image
  int64_t input_columns, input_lines;  // that a strip's taps reach
  int64_t lanes;                       // output channels rounded up to whole vectors

  explicit Strips(const Problem& p)
      : columns(std::min(p.wo, kStripPixels)),
        lines(std::min(p.ho, kStripPixels / columns)),
        across(ceil_div(p.wo, columns)),
        down(ceil_div(p.ho, lines)),
        input_columns(columns + p.kw - 1),
        input_lines(lines + p.kh - 1),
        lanes(ceil_div(p.co, DCNV4_LANES) * DCNV4_LANES) {}
};

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

int64_t strip_count(const Problem& p) {
  const Strips strips(p);
  return p.n * strips.down * strips.across;
}

}  // namespace
}  // namespace dcnv4::convolution
