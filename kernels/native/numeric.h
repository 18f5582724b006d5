// Storage types of half width and their conversion to and from float, written as integer arithmetic that compilers vectorise.
// Denormals pass through integers, because XLA's CPU threads may flush them in floating-point arithmetic.
#pragma once

#include <cstdint>
#include <cstring>

namespace dcnv4 {
namespace {

struct Bfloat16 {
  uint16_t bits;
};

struct Float16 {
  uint16_t bits;
};

inline float from_bits(uint32_t bits) {
  float number;
  std::memcpy(&number, &bits, sizeof number);
  return number;
}

inline uint32_t to_bits(float number) {
  uint32_t bits;
  std::memcpy(&bits, &number, sizeof bits);
  return bits;
}

inline float widen(float number) { return number; }

inline float widen(Bfloat16 number) { return from_bits(uint32_t{number.bits} << 16); }

inline float widen(Float16 number) {
  const uint32_t sign = uint32_t(number.bits & 0x8000u) << 16;
  const uint32_t magnitude = number.bits & 0x7fffu;
  const uint32_t rebias = magnitude >= 0x7c00u ? 224u << 23 : 112u << 23;  // infinity and NaN keep the highest exponent
  const uint32_t normal = (magnitude << 13) + rebias;
  const uint32_t denormal = to_bits(float(int32_t(magnitude)) * 0x1p-24f);
  return from_bits(sign | (magnitude < 0x400u ? denormal : normal));
}

template <class T>
inline T narrow(float number);

template <>
inline float narrow<float>(float number) {
  return number;
}

template <>
inline Bfloat16 narrow<Bfloat16>(float number) {
  const uint32_t bits = to_bits(number);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;  // to nearest, ties to even
  const uint32_t nan = (bits >> 16) | 0x40u;
  return Bfloat16{uint16_t((bits & 0x7fffffffu) > 0x7f800000u ? nan : rounded)};
}

template <>
inline Float16 narrow<Float16>(float number) {
  const uint32_t bits = to_bits(number);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  const uint32_t normal = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;  // to nearest, ties to even
  // Adding 0.5 leaves the half's denormal in the lowest bits, rounded by the addition itself.
  const uint32_t denormal = to_bits(from_bits(magnitude) + 0.5f) - to_bits(0.5f);
  uint32_t half = magnitude < (113u << 23) ? denormal : normal;
  half = magnitude >= (143u << 23) ? 0x7c00u : half;       // 65536 and above, infinity included
  half = magnitude > (255u << 23) ? 0x7e00u : half;        // NaN
  return Float16{uint16_t(sign | half)};
}

}  // namespace
}  // namespace dcnv4
