// SHA-256 (FIPS 180-4).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace dlc::rt {

using Digest = std::array<uint8_t, 32>;

Digest sha256(const void *data, size_t bytes);

/// 64 lower-case hex digits.
std::string hexText(const Digest &digest);

/// Reads such digits; false if `text` is anything else.
bool parseHex(std::string_view text, Digest &digest);

} // namespace dlc::rt
