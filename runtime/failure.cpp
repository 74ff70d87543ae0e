#include "runtime/failure.h"

#include <algorithm>
#include <cstring>

namespace dlc::rt {

static thread_local char lastError[2048] = "";
static thread_local char lastHelp[512] = "";

void setLastError(std::string_view message, std::string_view help) noexcept {
  auto keep = [](char *buffer, size_t size, std::string_view text) {
    size_t count = std::min(text.size(), size - 1);
    std::memcpy(buffer, text.data(), count);
    buffer[count] = 0;
  };
  keep(lastError, sizeof(lastError), message);
  keep(lastHelp, sizeof(lastHelp), help);
}

const char *lastErrorMessage() noexcept { return lastError; }
const char *lastErrorHelp() noexcept { return lastHelp; }

std::string inQuotes(std::string_view name) {
  std::string text = "'";
  for (char c : name.substr(0, 80)) text += (unsigned char)c < ' ' || c == 127 ? '?' : c;
  return text + (name.size() > 80 ? "...'" : "'");
}

} // namespace dlc::rt
