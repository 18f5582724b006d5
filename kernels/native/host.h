// What the FFI handlers ask of the machine: aligned memory, and the instruction sets of this processor.
#pragma once

#include <cstdint>
#include <memory>
#include <new>

namespace dcnv4 {

struct FreeScratch {
  void operator()(float* floats) const { ::operator delete[](floats, std::align_val_t{64}); }
};
using Scratch = std::unique_ptr<float[], FreeScratch>;

inline Scratch allocate(int64_t floats) {
  return Scratch(static_cast<float*>(::operator new[](sizeof(float) * floats, std::align_val_t{64})));
}

#ifdef DCNV4_X86_KERNELS
inline bool has_avx2() {
  static const bool found = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return found;
}

inline bool has_avx512() {
  static const bool found = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
  return found;
}
#endif

}  // namespace dcnv4
