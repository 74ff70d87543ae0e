#include "runtime/vcuda/driver/decompress.h"

#include <zstd.h>

namespace dlc::vcuda {

/// A block is a row of sequences: a token (length of literals in the upper half, of the match less 4 in the
/// lower; 15 goes on in the bytes that follow, up to one that is not 255), literals, and the distance of the
/// match in two bytes. The last one ends behind its literals.
bool decompressLz4(std::string_view block, uint64_t bytes, std::string &text) {
  size_t at = 0;
  text.clear();
  auto length = [&](uint64_t &value) {
    for (uint8_t more = 255; value >= 15 && more == 255; value += more) {
      if (at == block.size()) return false;
      more = uint8_t(block[at++]);
    }
    return true;
  };
  while (at < block.size()) {
    uint8_t token = uint8_t(block[at++]);
    uint64_t literals = token >> 4, match = token & 15;
    if (!length(literals) || literals > block.size() - at || literals > bytes - text.size()) return false;
    text.append(block.substr(at, literals));
    at += literals;
    if (at == block.size()) break;
    if (block.size() - at < 2) return false;
    size_t distance = uint8_t(block[at]) | size_t(uint8_t(block[at + 1])) << 8;
    at += 2;
    if (!length(match) || distance == 0 || distance > text.size() || match + 4 > bytes - text.size())
      return false;
    for (match += 4; match; --match) text.push_back(text[text.size() - distance]);
  }
  return text.size() == bytes;
}

bool decompressZstd(std::string_view frame, uint64_t bytes, std::string &text) {
  text.resize(bytes);
  return ZSTD_decompress(text.data(), bytes, frame.data(), frame.size()) == bytes;
}

} // namespace dlc::vcuda
