// A kernel's arguments as the command line says them.
//
//     i32:-5  u32:7  i64:0  u64:0  f32:1.5  f64:1e-3  i8 u8 i16 u16    a number
//     hex:00ff12                                                       raw bytes, for structures
//     x.npy  tensors.npz:x                                             a buffer with the array's bytes
//     zeros:f32:1024  empty:f32:64x64  random:f32:64x64:7              a buffer of a type and shape: zeros,
//     never written, numbers in [-1, 1) or small whole ones by a seed
#pragma once

#include "tools/npz/npz.h"

#include <optional>

namespace dlc::vcuda_tool {

struct Argument {
  std::string text;        ///< as given
  std::vector<char> value; ///< of a number or raw bytes
  std::optional<npz::Array> buffer;
  bool isWritten = true; ///< the buffer's bytes are given; false: never written
};

/// Throws a Refusal that names what is wrong.
Argument parseArgument(const std::string &text);

} // namespace dlc::vcuda_tool
