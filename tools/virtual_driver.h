// Where programs find the virtual GPU that was built or installed with them.
#pragma once

#include <cstdlib>
#include <string>
#include <unistd.h>

namespace dlc {

/// $DLC_VCUDA, or ../lib/vcuda/libcuda.so.1 seen from the program's folder. It need not exist.
inline std::string virtualDriverPath() {
  if (const char *path = std::getenv("DLC_VCUDA"); path && *path) return path;
  std::string program(4096, '\0');
  ssize_t length = ::readlink("/proc/self/exe", program.data(), program.size());
  program.resize(length > 0 ? size_t(length) : 0);
  size_t slash = program.rfind('/');
  return program.substr(0, slash == std::string::npos ? 0 : slash) + "/../lib/vcuda/libcuda.so.1";
}

} // namespace dlc
