// The container that nvcc puts PTX and machine code into: a header, then entries with headers of their own.
// The layout was read off files that nvcc wrote.
#include "runtime/vcuda/driver/fatbin.h"

#include "runtime/vcuda/driver/decompress.h"

#include <algorithm>
#include <cstring>

namespace dlc::vcuda {
namespace {

constexpr uint32_t magic = 0xba55ed50, wrapperMagic = 0x466243b1;
constexpr uint16_t kindPtx = 1;
constexpr uint64_t flagLz4 = 0x2000, flagZstd = 0x8000;
constexpr uint64_t mostText = uint64_t(1) << 30;

struct Wrapper {
  uint32_t magic, version;
  const void *data;
  void *fileName;
};
struct Header {
  uint32_t magic;
  uint16_t version, headerBytes;
  uint64_t bytes; ///< of all entries
};
struct EntryHeader {
  uint16_t kind, version;
  uint32_t headerBytes;
  uint64_t bytes;                    ///< of what follows the header
  uint32_t compressedBytes, unknown; ///< less than `bytes`, which is padded
  uint16_t minor, major;
  uint32_t sm;
  uint64_t unknown2;
  uint64_t flags, unknown3;
  uint64_t textBytes; ///< decompressed
};
static_assert(sizeof(Header) == 16 && sizeof(EntryHeader) == 64);

template <typename T> T readAt(const char *p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

bool readText(const EntryHeader &entry, std::string_view body, std::string &text) {
  if (!(entry.flags & (flagLz4 | flagZstd))) {
    text = body.substr(0, body.find('\0'));
    return true;
  }
  if (entry.compressedBytes > body.size() || entry.textBytes > mostText) return false;
  body = body.substr(0, entry.compressedBytes);
  bool done = entry.flags & flagZstd ? decompressZstd(body, entry.textBytes, text)
                                     : decompressLz4(body, entry.textBytes, text);
  text.resize(std::min(text.size(), text.find('\0')));
  return done;
}

} // namespace

/// A text may be shorter than a number: bytes are looked at up to the first zero.
bool isFatBinary(const void *image) {
  for (uint32_t number : {magic, wrapperMagic})
    if (std::strncmp(static_cast<const char *>(image), reinterpret_cast<const char *>(&number), 4) == 0)
      return true;
  return false;
}

CUresult readFatBinary(const void *image, uint32_t sm, std::string &text, std::string &errors) {
  const char *at = static_cast<const char *>(image);
  if (readAt<uint32_t>(at) == wrapperMagic) at = static_cast<const char *>(readAt<Wrapper>(at).data);
  if (!at || readAt<uint32_t>(at) != magic) {
    errors = "the fat binary's wrapper leads to none\n";
    return CUDA_ERROR_INVALID_IMAGE;
  }
  Header header = readAt<Header>(at);
  const char *end = at + header.headerBytes + header.bytes;
  bool isNewer = false;
  EntryHeader best = {};
  std::string_view bestBody;
  for (at += header.headerBytes; end - at >= ptrdiff_t(sizeof(EntryHeader));) {
    auto entry = readAt<EntryHeader>(at);
    if (entry.headerBytes < sizeof(EntryHeader) || entry.bytes > uint64_t(end - at) ||
        entry.headerBytes > uint64_t(end - at) - entry.bytes) {
      errors = "the fat binary's entries do not fit into it\n";
      return CUDA_ERROR_INVALID_IMAGE;
    }
    const char *body = at + entry.headerBytes;
    at = body + entry.bytes;
    if (entry.kind != kindPtx) continue;
    if (entry.sm > sm) {
      isNewer = true;
    } else if (entry.sm >= best.sm) {
      best = entry;
      bestBody = {body, entry.bytes};
    }
  }
  if (best.sm) {
    if (readText(best, bestBody, text)) return CUDA_SUCCESS;
    errors = "the compressed PTX of the fat binary is broken\n";
    return CUDA_ERROR_INVALID_IMAGE;
  }
  errors = isNewer
               ? "all PTX of the fat binary is for later architectures than sm_" + std::to_string(sm) + "\n"
               : "the fat binary has machine code only; the virtual GPU executes PTX text\n";
  return CUDA_ERROR_NO_BINARY_FOR_GPU;
}

} // namespace dlc::vcuda
