#include "tools/npz/npz.h"

#include "tools/npz/zip.h"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

namespace dlc::npz {
namespace {

constexpr char magic[] = "\x93NUMPY";
constexpr size_t magicSize = 6;

std::string readFile(const std::string &path, std::vector<char> &bytes) {
  std::FILE *file = std::fopen(path.c_str(), "rb");
  if (!file) return std::strerror(errno);
  char buffer[1 << 16];
  size_t n;
  while ((n = std::fread(buffer, 1, sizeof(buffer), file)) > 0) bytes.insert(bytes.end(), buffer, buffer + n);
  std::string error = std::ferror(file) ? std::strerror(errno) : "";
  std::fclose(file);
  return error;
}

/// The text after `'key':` in the header's dict, blanks skipped; empty when the key is not there.
std::string_view valueOf(std::string_view header, std::string_view key) {
  size_t at = header.find("'" + std::string(key) + "'");
  if (at == std::string_view::npos) return {};
  at = header.find(':', at);
  if (at == std::string_view::npos) return {};
  at = header.find_first_not_of(' ', at + 1);
  return at == std::string_view::npos ? std::string_view() : header.substr(at);
}

bool parseShape(std::string_view text, std::vector<int64_t> &dims) {
  size_t close = text.find(')');
  if (text.empty() || text[0] != '(' || close == std::string_view::npos) return false;
  text = text.substr(1, close - 1);
  while (true) {
    size_t start = text.find_first_not_of(" ,");
    if (start == std::string_view::npos) return true;
    int64_t dim = 0;
    auto [end, error] = std::from_chars(text.data() + start, text.data() + text.size(), dim);
    if (error != std::errc() || dim < 0) return false;
    dims.push_back(dim);
    text = text.substr(end - text.data());
  }
}

/// Elements from Fortran order to row-major.
std::vector<char> toRowMajor(const std::vector<char> &bytes, const std::vector<int64_t> &dims, int64_t size) {
  std::vector<char> result(bytes.size());
  std::vector<int64_t> index(dims.size());
  int64_t count = static_cast<int64_t>(bytes.size()) / size;
  for (int64_t i = 0; i < count; ++i) {
    int64_t from = 0;
    for (size_t d = dims.size(); d-- > 0;) from = from * dims[d] + index[d];
    std::memcpy(result.data() + i * size, bytes.data() + from * size, size);
    for (size_t d = dims.size(); d-- > 0;) {
      if (++index[d] < dims[d]) break;
      index[d] = 0;
    }
  }
  return result;
}

std::string parseNpy(const std::vector<char> &file, Array &array) {
  if (file.size() < magicSize + 4 || std::memcmp(file.data(), magic, magicSize)) return "is no .npy array";
  auto byte = [&](size_t i) { return size_t(static_cast<unsigned char>(file[i])); };
  bool isShort = byte(6) == 1;
  size_t headerStart = isShort ? 10 : 12;
  if (byte(6) < 1 || byte(6) > 3 || file.size() < headerStart) return "has an unknown .npy version";
  size_t headerSize = byte(8) | byte(9) << 8;
  if (!isShort) headerSize |= byte(10) << 16 | byte(11) << 24;
  if (headerSize > file.size() - headerStart) return "has a damaged header";
  std::string_view header(file.data() + headerStart, headerSize);

  std::string_view descr = valueOf(header, "descr"), order = valueOf(header, "fortran_order");
  if (descr.empty() || descr[0] != '\'' || !parseShape(valueOf(header, "shape"), array.dims))
    return "has a damaged header";
  array.descr = descr.substr(1, descr.find('\'', 1) - 1);
  int64_t size = array.elementSize();
  if (!size) return "has elements of type '" + array.descr + "', which is not supported";
  uint64_t need = size, have = file.size() - headerStart - headerSize;
  bool empty = false;
  for (int64_t dim : array.dims) empty |= dim == 0;
  for (int64_t dim : array.dims)
    if (!empty && __builtin_mul_overflow(need, static_cast<uint64_t>(dim), &need))
      return "has a damaged shape";
  if (empty) need = 0;
  if (have != need)
    return "has " + std::to_string(have) + " bytes of data, its shape needs " + std::to_string(need);
  array.bytes.assign(file.end() - static_cast<int64_t>(need), file.end());
  if (order.substr(0, 4) == "True") array.bytes = toRowMajor(array.bytes, array.dims, size);
  return "";
}

/// The magic, the version and the header, padded to 64 bytes.
std::string npyHead(const View &array) {
  std::string shape;
  for (int64_t dim : array.dims) shape += std::to_string(dim) + ", ";
  if (array.dims.size() > 1)
    shape.resize(shape.size() - 2);
  else if (!shape.empty())
    shape.pop_back(); // "(3,)"
  std::string dict = "{'descr': '" + array.descr + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  size_t size = dict.size() + 1;
  dict.append((64 - (magicSize + 4 + size) % 64) % 64, ' ');
  dict += '\n';
  std::string head(magic, magicSize);
  head += '\1';
  head += '\0';
  head += static_cast<char>(dict.size());
  head += static_cast<char>(dict.size() >> 8);
  return head + dict;
}

} // namespace

int64_t Array::elementSize() const {
  if (descr.size() < 3 || descr.size() > 4) return 0;
  char order = descr[0], kind = descr[1];
  int64_t size = 0;
  if (std::from_chars(descr.data() + 2, descr.data() + descr.size(), size).ec != std::errc()) return 0;
  if (order == '>' && size > 1) return 0;
  if (order != '<' && order != '|' && order != '>' && order != '=') return 0;
  bool known = kind == 'b'                                 ? size == 1
               : kind == 'V'                               ? size == 1 || size == 2
               : kind == 'i' || kind == 'u' || kind == 'f' ? size == 1 || size == 2 || size == 4 || size == 8
                                                           : false;
  return known ? size : 0;
}

std::string read(const std::string &path, Arrays &arrays) {
  std::vector<char> file;
  if (std::string error = readFile(path, file); !error.empty()) return path + ": " + error;
  std::vector<ZipMember> members;
  if (std::string error = listZip(file, members); !error.empty()) return path + " " + error;
  for (const ZipMember &member : members) {
    std::vector<char> bytes;
    if (std::string error = extract(file, member, bytes); !error.empty()) return path + " " + error;
    std::string name = member.name;
    if (name.size() > 4 && name.compare(name.size() - 4, 4, ".npy") == 0) name.resize(name.size() - 4);
    Array array;
    if (std::string error = parseNpy(bytes, array); !error.empty())
      return path + ": array '" + name + "' " + error;
    arrays.emplace_back(std::move(name), std::move(array));
  }
  return "";
}

std::string readArray(const std::string &path, Array &array) {
  std::vector<char> file;
  if (std::string error = readFile(path, file); !error.empty()) return path + ": " + error;
  std::string error = parseNpy(file, array);
  return error.empty() ? "" : path + " " + error;
}

std::string write(const std::string &path, const std::vector<View> &arrays) {
  ZipWriter zip(path);
  for (const View &array : arrays) zip.add(array.name + ".npy", npyHead(array), array.data, array.size);
  return zip.finish();
}

std::vector<View> viewsOf(const Arrays &arrays) {
  std::vector<View> views;
  for (const auto &[name, array] : arrays)
    views.push_back({name, array.descr, array.dims, array.bytes.data(), array.bytes.size()});
  return views;
}

} // namespace dlc::npz
