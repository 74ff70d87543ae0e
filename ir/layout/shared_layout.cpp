#include "ir/layout/shared_layout.h"

#include <algorithm>
#include <array>
#include <set>

namespace dlc {

static bool isPowerOfTwo(int64_t value) { return value > 0 && (value & (value - 1)) == 0; }

static int64_t log2(int64_t powerOfTwo) {
  int64_t result = 0;
  while (powerOfTwo >>= 1) ++result;
  return result;
}

SharedLayout::SharedLayout(int64_t rows, int64_t rowBytes, int64_t pitch, Swizzle swizzle)
    : numRows(rows), width(rowBytes), step(pitch), map(swizzle) {}

SharedLayout SharedLayout::choose(int64_t rows, int64_t rowBytes) {
  if (rowBytes < 32) return SharedLayout(rows, rowBytes, rowBytes);
  if (isPowerOfTwo(rowBytes)) {
    // 32 and 64 bytes: 4 or 2 rows share 128 bytes, so the rows that collide are 4 or 2 apart: the bits from
    // 7 on. From 128 bytes on the row number itself.
    int64_t bits = std::min<int64_t>(3, log2(rowBytes) - 4);
    return SharedLayout(rows, rowBytes, rowBytes, {bits, 4, std::max<int64_t>(7, log2(rowBytes)) - 4});
  }
  // 8 multiples of an odd number are 8 different groups of banks.
  int64_t chunks = (rowBytes + 15) / 16;
  return SharedLayout(rows, rowBytes, (chunks | 1) * 16);
}

int64_t SharedLayout::alignment() const {
  return map.bits ? int64_t(1) << (map.base + map.shift + map.bits) : 16;
}

bool SharedLayout::keepsWhole(int64_t accessBytes) const {
  return step % accessBytes == 0 && (map.bits == 0 || (int64_t(1) << map.base) >= accessBytes);
}

//===-- Text
//------------------------------------------------------------------------------------------------------===//

std::string SharedLayout::str() const {
  std::string text = "rows " + std::to_string(numRows) + " bytes " + std::to_string(width) + " pitch " +
                     std::to_string(step);
  if (map.bits)
    text += " swizzle " + std::to_string(map.bits) + "," + std::to_string(map.base) + "," +
            std::to_string(map.shift);
  return text;
}

namespace {

class Parser {
public:
  explicit Parser(std::string_view text) : text(text) {}

  std::optional<SharedLayout> parse() {
    int64_t rows = field("rows", 1, 1 << 20), bytes = field("bytes", 1, 1 << 20),
            pitch = field("pitch", 1, 1 << 20);
    Swizzle swizzle;
    if (message.empty() && !atEnd()) {
      swizzle.bits = field("swizzle", 1, 4);
      swizzle.base = field(",", 0, 16);
      swizzle.shift = field(",", 1, 16);
      if (message.empty() && !atEnd()) fail("expected the end");
    }
    if (message.empty() && pitch < bytes) fail("the pitch is less than a row");
    if (message.empty() && swizzle.bits &&
        (!isPowerOfTwo(pitch) || pitch < int64_t(1) << (swizzle.base + swizzle.bits) ||
         swizzle.shift < swizzle.bits))
      fail("a swizzle moves bytes out of their row");
    if (!message.empty()) return std::nullopt;
    return SharedLayout(rows, bytes, pitch, swizzle);
  }
  std::string message;

private:
  int64_t fail(const std::string &what) {
    if (message.empty()) message = "column " + std::to_string(position + 1) + ": " + what;
    return 0;
  }
  bool atEnd() {
    while (position < text.size() && text[position] == ' ') ++position;
    return position == text.size();
  }
  int64_t field(std::string_view name, int64_t least, int64_t most) {
    atEnd();
    if (!message.empty()) return 0;
    if (text.substr(position, name.size()) != name) return fail("expected '" + std::string(name) + "'");
    position += name.size();
    atEnd();
    size_t start = position;
    int64_t value = 0;
    while (position < text.size() && text[position] >= '0' && text[position] <= '9' && value <= most)
      value = value * 10 + (text[position++] - '0');
    if (position > start && value >= least && value <= most) return value;
    position = start;
    return fail("expected a number between " + std::to_string(least) + " and " + std::to_string(most));
  }

  std::string_view text;
  size_t position = 0;
};

} // namespace

std::optional<SharedLayout> SharedLayout::parse(std::string_view text, std::string *error) {
  Parser parser(text);
  std::optional<SharedLayout> result = parser.parse();
  if (!result && error) *error = parser.message;
  return result;
}

//===-- Banks
//-----------------------------------------------------------------------------------------------------===//

namespace {
struct BankCost {
  int64_t phases = 0, passes = 0;
};

BankCost bankCost(const std::vector<int64_t> &addresses, int64_t accessBytes) {
  size_t lanesPerPhase = accessBytes <= 4 ? 32 : accessBytes == 8 ? 16 : 8;
  BankCost cost;
  for (size_t first = 0; first < addresses.size(); first += lanesPerPhase) {
    std::array<std::set<int64_t>, 32> words; // wanted of each bank
    int64_t most = 0;
    for (size_t lane = first; lane < std::min(first + lanesPerPhase, addresses.size()); ++lane) {
      if (addresses[lane] < 0) continue;
      for (int64_t word = addresses[lane] / 4; word <= (addresses[lane] + accessBytes - 1) / 4; ++word) {
        words[size_t(word % 32)].insert(word);
        most = std::max(most, int64_t(words[size_t(word % 32)].size()));
      }
    }
    cost.passes += most;
    cost.phases += most > 0;
  }
  return cost;
}
} // namespace

int64_t bankPasses(const std::vector<int64_t> &addresses, int64_t accessBytes) {
  return bankCost(addresses, accessBytes).passes;
}

int64_t bankConflicts(const std::vector<int64_t> &addresses, int64_t accessBytes) {
  BankCost cost = bankCost(addresses, accessBytes);
  return cost.passes - cost.phases;
}

} // namespace dlc
