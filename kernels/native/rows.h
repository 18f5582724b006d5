// Copies of short rows between storage types and float, in blocks of fixed size that compilers turn into vector code.
#pragma once

#include "numeric.h"

namespace dcnv4 {
namespace {

constexpr int64_t kBlock = 8;

// Asks for a row that is soon read (kWrite 0) or written (kWrite 1), into the second cache: the first is full. It need not exist.
template <int kWrite, class T>
inline void prefetch(const T* row, int64_t count) {
  const char* const bytes = reinterpret_cast<const char*>(row);
  for (int64_t i = 0; i < count * int64_t(sizeof(T)); i += 64) __builtin_prefetch(bytes + i, kWrite, 2);
}

template <class T>
inline void widen_row(const T* __restrict in, float* __restrict out, int64_t count) {
  const int64_t whole = count / kBlock * kBlock;
  for (int64_t i = 0; i < whole; i += kBlock) {
    for (int64_t j = 0; j < kBlock; ++j) out[i + j] = widen(in[i + j]);
  }
  for (int64_t i = whole; i < count; ++i) out[i] = widen(in[i]);
}

template <class T>
inline void narrow_row(const float* __restrict in, T* __restrict out, int64_t count) {
  const int64_t whole = count / kBlock * kBlock;
  for (int64_t i = 0; i < whole; i += kBlock) {
    for (int64_t j = 0; j < kBlock; ++j) out[i + j] = narrow<T>(in[i + j]);
  }
  for (int64_t i = whole; i < count; ++i) out[i] = narrow<T>(in[i]);
}

// The row as floats: itself, or its copy in `buffer`.
inline const float* as_floats(const float* in, int64_t, float*) { return in; }

template <class T>
inline const float* as_floats(const T* in, int64_t count, float* buffer) {
  widen_row(in, buffer, count);
  return buffer;
}

// Splits pairs (x, y) into two rows.
inline void unzip_row(const float* __restrict pairs, float* __restrict x, float* __restrict y, int64_t count) {
  const int64_t whole = count / kBlock * kBlock;
  for (int64_t i = 0; i < whole; i += kBlock) {
    for (int64_t j = 0; j < kBlock; ++j) x[i + j] = pairs[2 * (i + j)];
    for (int64_t j = 0; j < kBlock; ++j) y[i + j] = pairs[2 * (i + j) + 1];
  }
  for (int64_t i = whole; i < count; ++i) {
    x[i] = pairs[2 * i];
    y[i] = pairs[2 * i + 1];
  }
}

// Joins two rows into pairs (x, y).
template <class T>
inline void zip_row(const float* __restrict x, const float* __restrict y, T* __restrict pairs, int64_t count) {
  const int64_t whole = count / kBlock * kBlock;
  for (int64_t i = 0; i < whole; i += kBlock) {
    for (int64_t j = 0; j < kBlock; ++j) {
      pairs[2 * (i + j)] = narrow<T>(x[i + j]);
      pairs[2 * (i + j) + 1] = narrow<T>(y[i + j]);
    }
  }
  for (int64_t i = whole; i < count; ++i) {
    pairs[2 * i] = narrow<T>(x[i]);
    pairs[2 * i + 1] = narrow<T>(y[i]);
  }
}

}  // namespace
}  // namespace dcnv4
