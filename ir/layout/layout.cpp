#include "ir/layout/layout.h"

#include <algorithm>
#include <cctype>
#include <functional>

namespace dlc {

static int64_t countOf(const std::vector<LayoutDigit> &digits) {
  int64_t count = 1;
  for (const LayoutDigit &digit : digits) count *= digit.count;
  return count;
}

Layout::Layout(std::vector<int64_t> shape, std::vector<LayoutDigit> registers, std::vector<LayoutDigit> lanes,
               std::vector<LayoutDigit> warps)
    : tile(std::move(shape)), reg(std::move(registers)), lane(std::move(lanes)), warp(std::move(warps)) {}

int64_t Layout::numRegisters() const { return countOf(reg); }
int64_t Layout::numLanes() const { return countOf(lane); }
int64_t Layout::numWarps() const { return countOf(warp); }

static void addDigits(const std::vector<LayoutDigit> &digits, int64_t index, std::vector<int64_t> &at) {
  for (const LayoutDigit &digit : digits) {
    int64_t value = index % digit.count;
    index /= digit.count;
    for (size_t d = 0; d < at.size(); ++d) at[d] += value * digit.offset[d];
  }
}

std::vector<int64_t> Layout::coordinates(int64_t r, int64_t l, int64_t w) const {
  std::vector<int64_t> at(tile.size(), 0);
  addDigits(reg, r, at);
  addDigits(lane, l, at);
  addDigits(warp, w, at);
  return at;
}

Layout Layout::blocked(std::vector<int64_t> shape, int64_t width, int64_t warps) {
  size_t rank = shape.size();
  std::vector<int64_t> done(rank, 1); // how much of each dim is covered
  auto take = [&](std::vector<LayoutDigit> &digits, int64_t wanted) {
    for (size_t i = rank; i-- > 0 && wanted > 1;) {
      int64_t count = std::min(wanted, shape[i] / done[i]);
      if (count <= 1) continue;
      LayoutDigit digit{count, std::vector<int64_t>(rank, 0)};
      digit.offset[i] = done[i];
      digits.push_back(digit);
      done[i] *= count;
      wanted /= count;
    }
    if (wanted > 1) digits.push_back({wanted, std::vector<int64_t>(rank, 0)});
  };
  std::vector<LayoutDigit> reg, lane, warp;
  if (rank && width > 1 && shape[rank - 1] > 1) {
    LayoutDigit digit{std::min(width, shape[rank - 1]), std::vector<int64_t>(rank, 0)};
    digit.offset[rank - 1] = 1;
    done[rank - 1] = digit.count;
    reg.push_back(digit);
  }
  take(lane, 32);
  take(warp, warps);
  for (size_t i = rank; i-- > 0;)
    if (shape[i] > done[i]) {
      LayoutDigit digit{shape[i] / done[i], std::vector<int64_t>(rank, 0)};
      digit.offset[i] = done[i];
      reg.push_back(digit);
    }
  return Layout(std::move(shape), std::move(reg), std::move(lane), std::move(warp));
}

Layout Layout::sliceDim(size_t dim) const {
  auto slice = [&](const std::vector<LayoutDigit> &digits, bool drop) {
    std::vector<LayoutDigit> out;
    for (LayoutDigit digit : digits) {
      digit.offset.erase(digit.offset.begin() + dim);
      bool zero = std::all_of(digit.offset.begin(), digit.offset.end(), [](int64_t o) { return o == 0; });
      if (!zero || !drop) out.push_back(digit);
    }
    return out;
  };
  std::vector<int64_t> shape = tile;
  shape.erase(shape.begin() + dim);
  return Layout(std::move(shape), slice(reg, true), slice(lane, false), slice(warp, false));
}

std::string Layout::str() const {
  std::string out;
  auto print = [&](const char *name, const std::vector<LayoutDigit> &digits) {
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

namespace {
struct Reader {
  std::string_view text;
  size_t at = 0;
  void blanks() {
    while (at < text.size() && std::isspace(static_cast<unsigned char>(text[at]))) ++at;
  }
  bool take(std::string_view token) {
    blanks();
    if (text.substr(at, token.size()) != token) return false;
    at += token.size();
    return true;
  }
  std::optional<int64_t> number() {
    blanks();
    bool negative = take("-");
    size_t start = at;
    int64_t value = 0;
    while (at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])) && at - start < 12)
      value = value * 10 + (text[at++] - '0');
    if (at == start) return std::nullopt;
    return negative ? -value : value;
  }
  std::optional<LayoutDigit> digit() {
    LayoutDigit out;
    auto count = number();
    if (!count || *count < 1 || !take(":") || !take("(")) return std::nullopt;
    out.count = *count;
    if (take(")")) return out;
    do {
      auto offset = number();
      if (!offset) return std::nullopt;
      out.offset.push_back(*offset);
    } while (take(","));
    if (!take(")")) return std::nullopt;
    return out;
  }
  std::optional<std::vector<LayoutDigit>> digits(std::string_view name) {
    std::vector<LayoutDigit> out;
    if (!take(name) || !take("[")) return std::nullopt;
    if (take("]")) return out;
    do {
      auto one = digit();
      if (!one) return std::nullopt;
      out.push_back(*one);
    } while (take(","));
    if (!take("]")) return std::nullopt;
    return out;
  }
};
} // namespace

std::optional<Layout> Layout::parse(std::string_view text, std::vector<int64_t> shape, std::string *error) {
  Reader reader{text};
  auto reg = reader.digits("reg");
  auto lane = reg ? reader.digits("lane") : std::nullopt;
  auto warp = lane ? reader.digits("warp") : std::nullopt;
  reader.blanks();
  if (!warp || reader.at != text.size()) {
    if (error)
      *error =
          "expected 'reg [n:(a,b), ...] lane [...] warp [...]' at column " + std::to_string(reader.at + 1);
    return std::nullopt;
  }
  for (const auto *digits : {&*reg, &*lane, &*warp})
    for (const LayoutDigit &digit : *digits)
      if (digit.offset.size() != shape.size()) {
        if (error)
          *error = "a digit has " + std::to_string(digit.offset.size()) + " offsets for " +
                   std::to_string(shape.size()) + " dims";
        return std::nullopt;
      }
  return Layout(std::move(shape), std::move(*reg), std::move(*lane), std::move(*warp));
}

size_t Layout::hash() const { return std::hash<std::string>()(str()) * 31 + tile.size(); }

} // namespace dlc
