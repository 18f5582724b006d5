// Vectors of DCNV4_LANES floats in the notation that GCC and Clang share; pointers to whole vectors are aligned to them.
#pragma once

#include <cstdint>

namespace dcnv4 {
namespace {

typedef float Vector __attribute__((vector_size(DCNV4_LANES * sizeof(float))));
typedef float Vector4 __attribute__((vector_size(4 * sizeof(float))));

template <int kValue>
struct Count {
  static constexpr int value = kValue;
  constexpr operator int64_t() const { return kValue; }
};

// Calls step(count) with the counts that matter most known to the compiler: channels of a group, and the taps of a 3x3 kernel.
template <class Step>
inline void with_known(int64_t count, Step step) {
  switch (count) {
    case 8: return step(Count<8>{});
    case 9: return step(Count<9>{});
    case 16: return step(Count<16>{});
    case 32: return step(Count<32>{});
    default: return step(count);
  }
}

inline Vector load(const float* at) { return *reinterpret_cast<const Vector*>(at); }
inline void store(float* at, Vector vector) { *reinterpret_cast<Vector*>(at) = vector; }
inline Vector4 load4(const float* at) { return *reinterpret_cast<const Vector4*>(at); }
inline void store4(float* at, Vector4 vector) { *reinterpret_cast<Vector4*>(at) = vector; }

// The sum of the parts of 4 lanes that make up a vector.
inline Vector4 fold(Vector v) {
#if DCNV4_LANES == 4
  return v;
#elif DCNV4_LANES == 8
  return __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
#else
  static_assert(DCNV4_LANES == 16, "4, 8 or 16 lanes");
  return (__builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7)) +
         (__builtin_shufflevector(v, v, 8, 9, 10, 11) + __builtin_shufflevector(v, v, 12, 13, 14, 15));
#endif
}

// The sums of the lanes of four vectors, as one vector of four.
inline Vector4 add_lanes(Vector a, Vector b, Vector c, Vector d) {
  const Vector4 a4 = fold(a), b4 = fold(b), c4 = fold(c), d4 = fold(d);
  const Vector4 ab = __builtin_shufflevector(a4, b4, 0, 4, 1, 5) + __builtin_shufflevector(a4, b4, 2, 6, 3, 7);
  const Vector4 cd = __builtin_shufflevector(c4, d4, 0, 4, 1, 5) + __builtin_shufflevector(c4, d4, 2, 6, 3, 7);
  return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

}  // namespace
}  // namespace dcnv4
