#include "passes/by_hand.h"

#include <charconv>

namespace dlc {

namespace {

/// A number from 1 to `most` at the start of a text, which is taken off.
std::optional<int64_t> takeNumber(std::string_view &text, int64_t most) {
  int64_t value = 0;
  auto [stop, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || value < 1 || value > most) return std::nullopt;
  text.remove_prefix(stop - text.data());
  return value;
}

/// A name and what follows its "="; the name is empty when there is none.
std::pair<std::string_view, std::string_view> parts(std::string_view text) {
  size_t equals = std::min(text.rfind('='), text.size());
  return {text.substr(0, equals), text.substr(std::min(equals + 1, text.size()))};
}

} // namespace

std::string TileSize::str() const {
  return std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k);
}

std::string ByHand::str() const {
  std::string text = split ? "split=" + std::to_string(*split) : "";
  if (tile) text += (split ? " tile=" : "tile=") + tile->str();
  return text;
}

bool HandChoices::addSplit(std::string_view text, std::string &error) {
  constexpr int64_t most = 1024;
  auto [name, rest] = parts(text);
  auto count = takeNumber(rest, most);
  if (name.empty() || !count || !rest.empty()) {
    error = "'" + std::string(text) + "' is not REGION=N with N from 1 to " + std::to_string(most);
    return false;
  }
  ByHand &region = regions[std::string(name)];
  if (region.split) error = "'" + std::string(name) + "' is split twice";
  bool isNew = !region.split;
  region.split = count;
  return isNew;
}

bool HandChoices::addTile(std::string_view text, std::string &error) {
  constexpr int64_t most = 4096;
  auto [name, rest] = parts(text);
  int64_t sizes[3] = {};
  bool isGood = !name.empty();
  for (int64_t &size : sizes) {
    if (&size != sizes) {
      isGood = isGood && rest.starts_with('x');
      rest.remove_prefix(isGood ? 1 : 0);
    }
    size = takeNumber(rest, most).value_or(0);
    isGood = isGood && size > 0;
  }
  if (!isGood || !rest.empty()) {
    error = "'" + std::string(text) + "' is not REGION=MxNxK";
    return false;
  }
  if (sizes[0] % 16 || sizes[1] % 8 || sizes[2] % 8) {
    error = "'" + std::string(text) + "' divides no matrix instruction: M is a multiple of 16, N and K of 8";
    return false;
  }
  ByHand &region = regions[std::string(name)];
  if (region.tile) error = "'" + std::string(name) + "' has two tiles";
  bool isNew = !region.tile;
  region.tile = {sizes[0], sizes[1], sizes[2]};
  return isNew;
}

ByHand HandChoices::of(std::string_view region) const {
  ByHand result;
  for (std::string_view name : {region, std::string_view("*")}) {
    auto at = regions.find(name);
    if (at == regions.end()) continue;
    if (!result.split) result.split = at->second.split;
    if (!result.tile) result.tile = at->second.tile;
  }
  return result;
}

} // namespace dlc
