// The zip container of npz files.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace dlc::npz {

struct ZipMember {
  std::string name;
  uint16_t method = 0; ///< 0 stored, 8 deflated
  uint32_t crc = 0;
  uint64_t compressedSize = 0, size = 0, headerOffset = 0;
};

/// The members by the central directory. Returns an error message.
std::string listZip(const std::vector<char> &file, std::vector<ZipMember> &members);
/// A member's bytes, checked against its CRC. Returns an error message.
std::string extract(const std::vector<char> &file, const ZipMember &member, std::vector<char> &bytes);

/// Writes members one after another, stored. Errors are kept and given by finish().
class ZipWriter {
public:
  explicit ZipWriter(const std::string &path);
  ~ZipWriter();
  ZipWriter(const ZipWriter &) = delete;
  /// `head` and `body` together are the member.
  void add(const std::string &name, const std::string &head, const char *body, uint64_t bodySize);
  /// Writes the directory and closes. Returns an error message.
  std::string finish();

private:
  void put(const void *data, uint64_t size);
  void put16(uint16_t value);
  void put32(uint32_t value);
  void put64(uint64_t value);

  std::string path;
  std::FILE *file = nullptr;
  std::string error;
  uint64_t offset = 0;
  std::vector<ZipMember> members;
};

} // namespace dlc::npz
