// Reading files that may be anything: only regular ones, never waiting on a pipe.
#pragma once

#include "runtime/memory.h"

#include <string>

namespace dlc::rt {

/// The bytes of a regular file. Throws Failure (DLC_ERROR_IO).
String readFile(const std::string &path);

/// A read-only mapping of a regular file.
class MappedFile {
public:
  MappedFile() = default;
  explicit MappedFile(const std::string &path); ///< throws Failure (DLC_ERROR_IO)
  ~MappedFile();
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  const uint8_t *data() const { return start; }
  size_t size() const { return bytes; }

private:
  const uint8_t *start = nullptr;
  size_t bytes = 0;
};

} // namespace dlc::rt
