#include "tools/dlc_vcuda/arguments.h"

#include "tools/dlc_vcuda/refusal.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <random>

namespace dlc::vcuda_tool {
namespace {

struct ElementType {
  std::string_view name, descr;
  char kind; ///< i, u, f
  size_t bytes;
};
constexpr ElementType types[] = {
    {"i8", "|i1", 'i', 1},  {"u8", "|u1", 'u', 1},   {"i16", "<i2", 'i', 2}, {"u16", "<u2", 'u', 2},
    {"i32", "<i4", 'i', 4}, {"u32", "<u4", 'u', 4},  {"i64", "<i8", 'i', 8}, {"u64", "<u8", 'u', 8},
    {"f16", "<f2", 'h', 2}, {"bf16", "<V2", 'b', 2}, {"f32", "<f4", 'f', 4}, {"f64", "<f8", 'f', 8},
};

const ElementType *findType(std::string_view name) {
  for (const ElementType &type : types) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

template <class T> bool parseInto(std::string_view text, std::vector<char> &bytes) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  bytes.resize(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  return error == std::errc() && end == text.data() + text.size();
}

bool parseNumber(const ElementType &type, std::string_view text, std::vector<char> &bytes) {
  bool isSigned = type.kind == 'i';
  switch (type.kind) {
  case 'f':
    return type.bytes == 4 ? parseInto<float>(text, bytes) : parseInto<double>(text, bytes);
  case 'i':
  case 'u':
    switch (type.bytes) {
    case 1:
      return isSigned ? parseInto<int8_t>(text, bytes) : parseInto<uint8_t>(text, bytes);
    case 2:
      return isSigned ? parseInto<int16_t>(text, bytes) : parseInto<uint16_t>(text, bytes);
    case 4:
      return isSigned ? parseInto<int32_t>(text, bytes) : parseInto<uint32_t>(text, bytes);
    default:
      return isSigned ? parseInto<int64_t>(text, bytes) : parseInto<uint64_t>(text, bytes);
    }
  default:
    return false;
  }
}

bool parseHex(std::string_view text, std::vector<char> &bytes) {
  if (text.empty() || text.size() % 2) return false;
  for (size_t i = 0; i < text.size(); i += 2) {
    uint8_t byte = 0;
    auto [end, error] = std::from_chars(text.data() + i, text.data() + i + 2, byte, 16);
    if (error != std::errc() || end != text.data() + i + 2) return false;
    bytes.push_back(char(byte));
  }
  return true;
}

/// "64x32"; at most 2^34 bytes.
bool parseShape(std::string_view text, size_t elementBytes, npz::Array &array) {
  uint64_t bytes = elementBytes;
  while (true) {
    size_t cross = text.find('x');
    uint64_t dim = 0;
    std::string_view part = text.substr(0, cross);
    auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), dim);
    if (error != std::errc() || end != part.data() + part.size() || dim == 0) return false;
    if (dim > (uint64_t(1) << 34) / bytes) return false;
    bytes *= dim;
    array.dims.push_back(int64_t(dim));
    if (cross == std::string_view::npos) break;
    text.remove_prefix(cross + 1);
  }
  array.bytes.resize(bytes);
  return true;
}

/// Numbers in [-1, 1) or from -8 to 7 (0 to 15). The generator is fixed by the C++ standard.
void fillRandom(const ElementType &type, uint64_t seed, std::vector<char> &bytes) {
  std::mt19937_64 random(seed);
  for (size_t at = 0; at + type.bytes <= bytes.size(); at += type.bytes) {
    uint64_t bits = random();
    double unit = double(int64_t(bits) >> 11) / double(uint64_t(1) << 52);
    float narrow = float(unit);
    uint64_t value = 0;
    switch (type.kind) {
    case 'i':
      value = uint64_t(int64_t(bits % 16) - 8);
      break;
    case 'u':
      value = bits % 16;
      break;
    case 'h': {
      _Float16 half = static_cast<_Float16>(narrow);
      std::memcpy(&value, &half, 2);
      break;
    }
    case 'b':
      std::memcpy(reinterpret_cast<char *>(&value), reinterpret_cast<const char *>(&narrow) + 2, 2);
      break;
    default:
      std::memcpy(&value, type.bytes == 4 ? static_cast<void *>(&narrow) : static_cast<void *>(&unit),
                  type.bytes);
    }
    std::memcpy(bytes.data() + at, &value, type.bytes);
  }
}

/// zeros:TYPE:SHAPE, empty:TYPE:SHAPE, random:TYPE:SHAPE[:SEED]
void makeBuffer(const std::string &kind, std::string_view rest, Argument &argument) {
  size_t colon = rest.find(':');
  const ElementType *type = findType(rest.substr(0, colon));
  std::string_view shape = colon == std::string_view::npos ? "" : rest.substr(colon + 1);
  uint64_t seed = 0;
  if (size_t last = shape.find(':'); kind == "random" && last != std::string_view::npos) {
    std::string_view text = shape.substr(last + 1);
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
    if (error != std::errc() || end != text.data() + text.size())
      throw Refusal("argument '" + argument.text + "': the seed is no number");
    shape = shape.substr(0, last);
  }
  argument.buffer.emplace();
  if (!type || !parseShape(shape, type->bytes, *argument.buffer))
    throw Refusal("argument '" + argument.text + "': expected " + kind + ":TYPE:SHAPE" +
                      (kind == "random" ? "[:SEED]" : ""),
                  "for example " + kind + ":f32:64x64; no dimension is 0, and a buffer has at most 16 GiB");
  argument.buffer->descr = type->descr;
  argument.isWritten = kind != "empty";
  if (kind == "random") fillRandom(*type, seed, argument.buffer->bytes);
}

void readBuffer(Argument &argument) {
  const std::string &text = argument.text;
  argument.buffer.emplace();
  if (text.ends_with(".npy")) {
    if (std::string error = npz::readArray(text, *argument.buffer); !error.empty()) throw Refusal(error);
    return;
  }
  size_t colon = text.rfind(".npz:");
  npz::Arrays arrays;
  std::string path = text.substr(0, colon + 4), name = text.substr(colon + 5);
  if (std::string error = npz::read(path, arrays); !error.empty()) throw Refusal(error);
  for (auto &[key, array] : arrays) {
    if (key != name) continue;
    *argument.buffer = std::move(array);
    return;
  }
  throw Refusal(path + " has no array '" + name + "'");
}

} // namespace

Argument parseArgument(const std::string &text) {
  Argument argument;
  argument.text = text;
  size_t colon = text.find(':');
  std::string kind = colon == std::string::npos ? "" : text.substr(0, colon);
  std::string_view rest = colon == std::string::npos ? "" : std::string_view(text).substr(colon + 1);
  if (text.ends_with(".npy") || text.find(".npz:") != std::string::npos) {
    readBuffer(argument);
  } else if (kind == "zeros" || kind == "empty" || kind == "random") {
    makeBuffer(kind, rest, argument);
  } else if (kind == "hex") {
    if (!parseHex(rest, argument.value))
      throw Refusal("argument '" + text + "': expected pairs of hexadecimal digits");
  } else if (const ElementType *type = findType(kind)) {
    if (!parseNumber(*type, rest, argument.value))
      throw Refusal("argument '" + text + "': that is no " + kind);
  } else {
    throw Refusal("argument '" + text +
                  "': expected a number (i32:5), raw bytes (hex:00ff), an array "
                  "(x.npy, tensors.npz:x) or a buffer (zeros:f32:1024)");
  }
  return argument;
}

} // namespace dlc::vcuda_tool
