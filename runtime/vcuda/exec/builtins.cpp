// What the CUDA runtime's device functions do that PTX only declares: vprintf and __assertfail here, malloc
// and free in heap.cpp.
#include "runtime/vcuda/exec/guest.h"
#include "runtime/vcuda/exec/run.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

namespace {

constexpr size_t longestString = 4096;

/// Bytes behind a generic address of one lane; false where there is no such memory.
bool readGeneric(WarpRun &w, unsigned lane, uint64_t address, void *to, uint32_t bytes) {
  const CtaRun &cta = *w.run;
  const uint8_t *from = nullptr;
  uint64_t window = address & 0xff00'0000'0000'0000, offset = address - window;
  if (window == LocalWindow && offset + bytes <= w.localStride)
    from = w.local + size_t(lane) * w.localStride + offset;
  else if (window == SharedWindow && offset + bytes <= cta.sharedBytes)
    from = cta.shared + offset;
  if (from) {
    std::memcpy(to, from, bytes);
    return true;
  }
  uint64_t at = address - cta.globalBase;
  if (window || cta.globalSize < bytes || at > cta.globalSize - bytes) return false;
  for (uint32_t k = 0; cta.checks && k < bytes; ++k)
    if (guest::at(cta.globalState + at + k) == ByteUnmapped) return false;
  guest::read(static_cast<uint8_t *>(to), cta.globalBytes + at, bytes);
  return true;
}

/// False when the string is not in memory as far as its end.
bool readString(WarpRun &w, unsigned lane, uint64_t address, std::string &text) {
  for (char c; text.size() < longestString; text += c) {
    if (!readGeneric(w, lane, address + text.size(), &c, 1)) return false;
    if (c == 0) return true;
  }
  return true;
}

/// What is printed is used, wherever its bits come from: nothing before that has looked at them.
void checkPrinted(WarpRun &w, const Inst &inst, unsigned lane, uint64_t address, uint32_t bytes) {
  uint64_t offset = address - LocalWindow;
  if (!w.localState || offset >= w.localStride) return;
  uint64_t index = uint64_t(lane) * w.localStride + offset;
  const uint8_t *state = w.localState + index;
  if (std::all_of(state, state + bytes, [](uint8_t s) { return s == ByteReady; })) return;
  const Inst *load = undefinedLoad(w, index, bytes);
  addFinding(w, inst, "uninitialised-read", lane, "prints bits that were never written", load,
             load ? "loads them from local memory" : "");
}

/// Arguments of vprintf: each at its own alignment, floats as doubles, small integers as int.
struct PrintArguments {
  WarpRun &w;
  const Inst &inst;
  unsigned lane;
  uint64_t address;
  int count = 0;
  bool good = true;
  template <class T> T next() {
    T value = {};
    address = (address + sizeof(T) - 1) / sizeof(T) * sizeof(T);
    good = good && readGeneric(w, lane, address, &value, sizeof(T));
    if (good) checkPrinted(w, inst, lane, address, sizeof(T));
    address += sizeof(T);
    ++count;
    return value;
  }
};

template <class T> std::string formatted(const std::string &spec, T value) {
  char small[64];
  int n = std::snprintf(small, sizeof small, spec.c_str(), value);
  if (n < int(sizeof small)) return std::string(small, n < 0 ? 0 : size_t(n));
  std::string text(size_t(n) + 1, 0);
  std::snprintf(text.data(), text.size(), spec.c_str(), value);
  text.pop_back();
  return text;
}

/// One conversion that starts at format[at] == '%'; leaves `at` behind it.
std::string convert(const std::string &format, size_t &at, PrintArguments &arguments) {
  std::string spec = "%";
  size_t begin = at++;
  auto number = [&] {
    if (at < format.size() && format[at] == '*') {
      spec += std::to_string(arguments.next<int32_t>());
      ++at;
      return;
    }
    size_t digits = 0;
    for (; at < format.size() && format[at] >= '0' && format[at] <= '9' && digits < 6; ++digits)
      spec += format[at++];
  };
  while (at < format.size() && std::strchr("-+ #0", format[at])) spec += format[at++];
  number();
  if (at < format.size() && format[at] == '.') {
    spec += format[at++];
    number();
  }
  std::string length;
  while (at < format.size() && std::strchr("hlLzjt", format[at])) length += format[at++];
  char conversion = at < format.size() ? format[at++] : 0;
  bool isWide = !length.empty() && length[0] != 'h';
  switch (conversion) {
  case 'd':
  case 'i': {
    if (isWide) return formatted(spec + "lld", arguments.next<long long>());
    int32_t v = arguments.next<int32_t>();
    return formatted(spec + "d", length == "h" ? int16_t(v) : length == "hh" ? int8_t(v) : v);
  }
  case 'u':
  case 'x':
  case 'X':
  case 'o': {
    if (isWide) return formatted(spec + "ll" + conversion, arguments.next<unsigned long long>());
    uint32_t v = arguments.next<uint32_t>();
    return formatted(spec + conversion, length == "h" ? uint16_t(v) : length == "hh" ? uint8_t(v) : v);
  }
  case 'c':
    return formatted(spec + "c", arguments.next<int32_t>());
  case 'p': {
    uint64_t address = arguments.next<uint64_t>();
    return formatted(spec + "p", reinterpret_cast<void *>(address));
  }
  case 's': {
    std::string text;
    uint64_t address = arguments.next<uint64_t>();
    if (!readString(arguments.w, arguments.lane, address, text)) arguments.good = false;
    return formatted(spec + "s", text.c_str());
  }
  case 'e':
  case 'E':
  case 'f':
  case 'F':
  case 'g':
  case 'G':
  case 'a':
  case 'A':
    return formatted(spec + conversion, arguments.next<double>());
  case '%':
    return "%";
  default:
    return format.substr(begin, at - begin);
  }
}

template <class T> T argument(WarpRun &w, const CallSite &site, size_t index, unsigned lane) {
  T value;
  std::memcpy(&value, w.local + size_t(lane) * w.localStride + w.frame->localBase + site.arguments[index],
              sizeof value);
  return value;
}

/// Gives the number of arguments, as CUDA does, or a negative number when the format cannot be read.
int32_t print(WarpRun &w, const Inst &inst, const CallSite &site, unsigned lane) {
  std::string format, text;
  if (!readString(w, lane, argument<uint64_t>(w, site, 0, lane), format)) {
    addFinding(w, inst, "bad-printf", lane, "the format of printf is not in memory");
    return -1;
  }
  PrintArguments arguments = {w, inst, lane, argument<uint64_t>(w, site, 1, lane)};
  for (size_t at = 0; at < format.size();) {
    if (format[at] == '%')
      text += convert(format, at, arguments);
    else
      text += format[at++];
  }
  if (!arguments.good) addFinding(w, inst, "bad-printf", lane, "an argument of printf is not in memory");
  w.run->printed += text;
  return arguments.count;
}

void assertFailed(WarpRun &w, const Inst &inst, const CallSite &site, unsigned lane) {
  std::string message, file, function;
  readString(w, lane, argument<uint64_t>(w, site, 0, lane), message);
  readString(w, lane, argument<uint64_t>(w, site, 1, lane), file);
  readString(w, lane, argument<uint64_t>(w, site, 3, lane), function);
  const CtaRun &cta = *w.run;
  auto triple = [](uint32_t x, uint32_t y, uint32_t z) {
    return "[" + std::to_string(x) + "," + std::to_string(y) + "," + std::to_string(z) + "]";
  };
  std::string text = file + ":" + std::to_string(argument<uint32_t>(w, site, 2, lane)) + ": " + function +
                     ": block: " + triple(cta.ctaid[0], cta.ctaid[1], cta.ctaid[2]) +
                     ", thread: " + triple(w.tid[0][lane], w.tid[1][lane], w.tid[2][lane]) + " Assertion `" +
                     message + "` failed.";
  stopLaunch(w, inst, LaunchResult::Assert, text.c_str());
}

} // namespace

void exec::callBuiltin(Warp &warp, const Inst &inst, const CallSite &site, Mask mask) {
  WarpRun &w = static_cast<WarpRun &>(warp);
  if (site.builtin == Builtin::AssertFail) return assertFailed(w, inst, site, unsigned(__builtin_ctz(mask)));
  if (site.builtin != Builtin::Print) return callHeap(w, inst, site, mask);
  for (Mask m = mask; m; m &= m - 1) {
    unsigned lane = unsigned(__builtin_ctz(m));
    int32_t count = print(w, inst, site, lane);
    size_t at = size_t(lane) * w.localStride + w.frame->localBase + site.results[0];
    std::memcpy(w.local + at, &count, sizeof count);
    if (w.localState) std::memset(w.localState + at, ByteReady, sizeof count);
  }
}
