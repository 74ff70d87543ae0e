// How errors travel inside the runtime: as exceptions that the C functions turn into a status and a message.
#pragma once

#include "dlc/runtime.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace dlc::rt {

/// Messages start lower case, name the thing at fault in quotes and end without a period; `help` is a way
/// out.
struct Failure {
  dlc_status status;
  std::string message;
  std::string help;
};

inline std::string textOf(std::string_view text) { return std::string(text); }
template <class T>
  requires std::is_integral_v<T>
std::string textOf(T number) {
  return std::to_string(number);
}

/// The parts joined: concat("input '", name, "' has rank ", 3).
template <class... Parts> std::string concat(const Parts &...parts) {
  std::string result;
  (result.append(textOf(parts)), ...);
  return result;
}

/// "1 launch", "3 launches".
inline std::string counted(uint64_t count, const char *one, const char *many) {
  return concat(count, " ", count == 1 ? one : many);
}

[[noreturn]] inline void fail(dlc_status status, std::string message, std::string help = "") {
  throw Failure{status, std::move(message), std::move(help)};
}

/// A name from a file, fit for a message: printable, at most 80 characters, in single quotes.
std::string inQuotes(std::string_view name);

/// Keeps message and help for dlc_last_error; allocates nothing, cuts what is too long.
void setLastError(std::string_view message, std::string_view help) noexcept;
const char *lastErrorMessage() noexcept;
const char *lastErrorHelp() noexcept;

} // namespace dlc::rt
