// Text of layouts: `reg [2:(0,1), 2:(2,0)] lane [2:(0,2), 2:(1,0)] warp []`.
#include "ir/layout/layout.h"

namespace dlc {

using Digits = std::vector<LayoutDigit>;

std::string Layout::str() const {
  std::string out;
  auto print = [&](const char *name, const Digits &digits) {
    out += (out.empty() ? "" : " ") + std::string(name) + " [";
    for (size_t i = 0; i < digits.size(); ++i) {
      out += (i ? ", " : "") + std::to_string(digits[i].count) + ":(";
      for (size_t d = 0; d < digits[i].offset.size(); ++d)
        out += (d ? "," : "") + std::to_string(digits[i].offset[d]);
      out += ")";
    }
    out += "]";
  };
  print("reg", reg);
  print("lane", lane);
  print("warp", warp);
  return out;
}

size_t Layout::hash() const {
  uint64_t hash = 14695981039346656037ull; // FNV-1a
  for (char c : str()) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  for (int64_t extent : tile) hash = (hash ^ uint64_t(extent)) * 1099511628211ull;
  return size_t(hash);
}

namespace {

constexpr int64_t maxNumber = 1 << 24; // more than any tile has elements; products stay far inside 64 bits
constexpr int64_t maxPlaces = 1 << 24; // registers * lanes * warps

class Parser {
public:
  Parser(std::string_view text, size_t rank) : text(text), rank(rank) {}

  std::optional<Digits> digits(std::string_view name) {
    Digits out;
    if (!expect(name) || !expect("[")) return std::nullopt;
    if (accept("]")) return out;
    do {
      std::optional<LayoutDigit> one = digit();
      if (!one) return std::nullopt;
      out.push_back(std::move(*one));
    } while (accept(","));
    return expect("]") ? std::optional<Digits>(std::move(out)) : std::nullopt;
  }

  bool atEnd() {
    skipSpace();
    return position == text.size() || fail("expected the end");
  }

  std::string message;

private:
  bool fail(const std::string &what) {
    if (message.empty()) message = "column " + std::to_string(position + 1) + ": " + what;
    return false;
  }
  void skipSpace() {
    while (position < text.size() &&
           (text[position] == ' ' || text[position] == '\t' || text[position] == '\n'))
      ++position;
  }
  bool accept(std::string_view token) {
    skipSpace();
    if (text.substr(position, token.size()) != token) return false;
    position += token.size();
    return true;
  }
  bool expect(std::string_view token) {
    return accept(token) || fail("expected '" + std::string(token) + "'");
  }

  std::optional<int64_t> number(const char *what, int64_t least) {
    skipSpace();
    size_t start = position;
    int64_t value = 0;
    while (position < text.size() && text[position] >= '0' && text[position] <= '9' && value <= maxNumber)
      value = value * 10 + (text[position++] - '0');
    if (position > start && value >= least && value <= maxNumber) return value;
    position = start;
    fail(std::string("expected ") + what + " between " + std::to_string(least) + " and " +
         std::to_string(maxNumber));
    return std::nullopt;
  }

  std::optional<LayoutDigit> digit() {
    LayoutDigit out;
    std::optional<int64_t> count = number("a count", 1);
    if (!count || !expect(":")) return std::nullopt;
    out.count = *count;
    if ((places *= *count) > maxPlaces) {
      fail("more than " + std::to_string(maxPlaces) + " registers times threads");
      return std::nullopt;
    }
    if (!expect("(")) return std::nullopt;
    for (size_t d = 0; d < rank; ++d) {
      if (d && !expect(",")) return std::nullopt;
      std::optional<int64_t> offset = number("an offset", 0);
      if (!offset) return std::nullopt;
      out.offset.push_back(*offset);
    }
    if (accept(")")) return out;
    fail("expected ')' after " + std::to_string(rank) + " offsets, one per dim");
    return std::nullopt;
  }

  std::string_view text;
  size_t rank, position = 0;
  int64_t places = 1;
};

} // namespace

std::optional<Layout> Layout::parse(std::string_view text, std::vector<int64_t> shape, std::string *error) {
  Parser parser(text, shape.size());
  std::optional<Layout> result;
  auto reg = parser.digits("reg");
  auto lane = reg ? parser.digits("lane") : std::nullopt;
  auto warp = lane ? parser.digits("warp") : std::nullopt;
  if (warp && parser.atEnd()) {
    result = Layout(std::move(shape), std::move(*reg), std::move(*lane), std::move(*warp));
    parser.message = result->problem();
    if (!parser.message.empty()) result.reset();
  }
  if (!result && error) *error = parser.message;
  return result;
}

} // namespace dlc
