//===- decompress.h - how nvcc compresses PTX -------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_DRIVER_DECOMPRESS_H
#define DLC_RUNTIME_VCUDA_DRIVER_DECOMPRESS_H

#include <cstdint>
#include <string>
#include <string_view>

namespace dlc::vcuda {

/// One block of LZ4 (nvcc up to 12, and --compress-mode=speed of later ones). False unless it gives exactly
/// `bytes` bytes.
bool decompressLz4(std::string_view block, uint64_t bytes, std::string &text);
/// The same of a frame of Zstandard.
bool decompressZstd(std::string_view frame, uint64_t bytes, std::string &text);

} // namespace dlc::vcuda

#endif
