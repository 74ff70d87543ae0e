#include "runtime/weights.h"

#include "runtime/failure.h"
#include "runtime/plan_json.h"

#include <algorithm>
#include <cstring>

namespace dlc::rt {

static const char *const otherFileHelp = "use the weights file that was written together with this artifact";

[[noreturn]] static void failWeights(std::string message) {
  fail(DLC_ERROR_FORMAT, concat("weights file: ", message), otherFileHelp);
}

static const DtypeRow *findSafetensorsDtype(std::string_view name) {
  for (const DtypeRow &row : dtypeRows)
    if (row.safetensors == name) return &row;
  return nullptr;
}

namespace {
struct Entry {
  std::string_view name;
  const DtypeRow *row;
  Vec<int64_t> shape;
  uint64_t begin, end;
};
} // namespace

static Entry readEntry(const Node &node, std::string_view name, uint64_t dataBytes) {
  Entry entry{name, findSafetensorsDtype(node.at("dtype").text()), {}, 0, 0};
  if (!entry.row) node.at("dtype").unsupported(concat("unknown dtype ", inQuotes(node.at("dtype").text())));
  Node shape = node.at("shape"), offsets = node.at("data_offsets");
  uint64_t bytes = entry.row->bytes;
  for (size_t i = 0, rank = shape.arraySize(); i < rank; ++i) {
    entry.shape.push_back(shape[i].integer(0, INT64_MAX));
    if (__builtin_mul_overflow(bytes, uint64_t(entry.shape.back()), &bytes)) shape.malformed("is too large");
  }
  if (offsets.arraySize() != 2) offsets.malformed("should be [begin, end]");
  entry.begin = uint64_t(offsets[0].integer(0, INT64_MAX));
  entry.end = uint64_t(offsets[1].integer(0, INT64_MAX));
  if (entry.begin > entry.end || entry.end > dataBytes || entry.end - entry.begin != bytes)
    offsets.malformed(concat("does not fit a tensor of ", bytes, " bytes in ", dataBytes, " bytes of data"));
  return entry;
}

// The format allows no holes and no overlaps.
static void expectContiguous(const Vec<Entry> &entries, uint64_t dataBytes) {
  Vec<std::pair<uint64_t, uint64_t>> spans;
  for (const Entry &entry : entries) spans.push_back({entry.begin, entry.end});
  std::sort(spans.begin(), spans.end());
  uint64_t at = 0;
  for (auto [begin, end] : spans) {
    if (begin != at) failWeights(concat("there is a hole or an overlap at byte ", at, " of the data"));
    at = end;
  }
  if (at != dataBytes) failWeights(concat("the tensors have ", at, " bytes, the file has ", dataBytes));
}

static MappedFile mapWeights(const std::string &path) {
  try {
    return MappedFile(path);
  } catch (Failure &failure) {
    failure.help =
        "the weights file belongs beside the artifact; to use another path: dlc-run --weights=FILE, or "
        "dlc_load_options.weights_path";
    throw;
  }
}

Weights::Weights(const WeightsTable &table, const std::string &path, bool verify) : file(mapWeights(path)) {
  bytes = {file.data(), file.size()};
  check(table, verify);
}
Weights::Weights(const WeightsTable &table, std::span<const uint8_t> memory, bool verify) : bytes(memory) {
  check(table, verify);
}

static WeightSpan matchTensor(const WeightTensor &tensor, const Entry &entry) {
  if (entry.row->dtype != tensor.dtype || entry.shape != tensor.dims)
    failWeights(concat("tensor ", inQuotes(tensor.name), " has another dtype or shape than the plan says"));
  if (entry.begin % 256 != 0)
    failWeights(
        concat("tensor ", inQuotes(tensor.name), " starts at byte ", entry.begin, ", no multiple of 256"));
  return {entry.begin, entry.end - entry.begin};
}

void Weights::check(const WeightsTable &table, bool verify) {
  if (bytes.size() != table.bytes)
    failWeights(concat("it has ", bytes.size(), " bytes; the plan says ", table.bytes));
  uint64_t headerBytes = 0;
  for (size_t i = 8; i-- > 0;) headerBytes = headerBytes << 8 | bytes[i];
  if (headerBytes > bytes.size() - 8) failWeights("its header is longer than the file");
  dataStart = 8 + size_t(headerBytes);
  if (sha256(bytes.data(), dataStart) != table.headerHash)
    failWeights("its header is not the one that the plan names");
  if (verify && sha256(bytes.data(), bytes.size()) != table.hash)
    failWeights("its content is not the one that the plan names");

  std::string_view text(reinterpret_cast<const char *>(bytes.data()) + 8, size_t(headerBytes));
  nlohmann::json document = parseJson(text, "weights file: header");
  Node root(document, "weights file: header");
  if (!document.is_object()) root.malformed("should be an object");
  Vec<Entry> entries;
  std::unordered_map<std::string_view, size_t> byName;
  for (const auto &[name, ignored] : document.items()) {
    if (name == "__metadata__") continue;
    byName.emplace(name, entries.size());
    entries.push_back(readEntry(root.at(name), name, dataBytes()));
  }
  expectContiguous(entries, dataBytes());
  for (const WeightTensor &tensor : table.tensors) {
    auto found = byName.find(tensor.name);
    if (found == byName.end()) failWeights(concat("there is no tensor ", inQuotes(tensor.name)));
    spans.push_back(matchTensor(tensor, entries[found->second]));
  }
}

} // namespace dlc::rt
