#include "ir/graph/weights.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/xxhash.h"

#include <cstring>

namespace dlc {
namespace {

/// Results up to this size are kept: scales, biases, shape constants.
constexpr int64_t keptBytes = 1 << 20;

template <typename... Args> llvm::Error failure(const char *format, Args &&...args) {
  return llvm::createStringError(llvm::formatv(format, std::forward<Args>(args)...).str());
}

/// The bytes that a shape takes, or nothing when a dim is negative or the product leaves 63 bits.
std::optional<int64_t> checkedByteCount(DType dtype, llvm::ArrayRef<int64_t> dims) {
  int64_t count = byteSize(dtype);
  bool empty = llvm::is_contained(dims, 0);
  for (int64_t dim : dims)
    if (dim < 0 || (!empty && llvm::MulOverflow(count, dim, count))) return std::nullopt;
  return empty ? 0 : count;
}

void append(std::vector<uint8_t> &buffer, uint64_t value) {
  uint8_t bytes[8];
  llvm::support::endian::write64le(bytes, value);
  buffer.insert(buffer.end(), bytes, bytes + 8);
}

} // namespace

int64_t WeightsTable::Entry::elementCount() const {
  int64_t count = 1;
  for (int64_t dim : dims) count *= dim;
  return count;
}

WeightsTable &WeightsTable::operator=(WeightsTable &&other) noexcept {
  order = std::move(other.order);
  index = std::move(other.index);
  runners = std::move(other.runners);
  kept = std::move(other.kept);
  hashes = std::move(other.hashes);
  return *this;
}

llvm::Error WeightsTable::insert(Entry entry) {
  if (index.count(entry.name)) return failure("a weight named '{0}' is there already", entry.name);
  order.push_back(std::make_unique<Entry>(std::move(entry)));
  index[order.back()->name] = order.back().get();
  return llvm::Error::success();
}

llvm::Error WeightsTable::addSpan(llvm::StringRef name, DType dtype, llvm::ArrayRef<int64_t> dims,
                                  Span span) {
  std::optional<int64_t> need = checkedByteCount(dtype, dims);
  if (!need || static_cast<uint64_t>(*need) != span.length)
    return failure("weight '{0}' has {1} bytes, its type needs {2}", name, span.length, need.value_or(-1));
  uint64_t fileSize = span.file ? span.file->getBufferSize() : 0;
  if (span.offset > fileSize || span.length > fileSize - span.offset)
    return failure("weight '{0}' ends at byte {1} of a file of {2}", name, span.offset + span.length,
                   fileSize);
  return insert({name.str(), dtype, llvm::SmallVector<int64_t>(dims), std::move(span)});
}

llvm::Error WeightsTable::addBytes(llvm::StringRef name, DType dtype, llvm::ArrayRef<int64_t> dims,
                                   std::vector<char> bytes) {
  std::optional<int64_t> need = checkedByteCount(dtype, dims);
  if (!need || static_cast<uint64_t>(*need) != bytes.size())
    return failure("weight '{0}' has {1} bytes, its type needs {2}", name, bytes.size(), need.value_or(-1));
  return insert({name.str(), dtype, llvm::SmallVector<int64_t>(dims), std::move(bytes)});
}

llvm::Error WeightsTable::addRecipe(llvm::StringRef name, DType dtype, llvm::ArrayRef<int64_t> dims,
                                    Recipe recipe) {
  if (!checkedByteCount(dtype, dims)) return failure("the dims of weight '{0}' are out of range", name);
  for (const std::string &input : recipe.inputs)
    if (!index.count(input)) return failure("weight '{0}' is made from '{1}', which is unknown", name, input);
  return insert({name.str(), dtype, llvm::SmallVector<int64_t>(dims), std::move(recipe)});
}

std::string WeightsTable::freeName(llvm::StringRef base) const {
  std::string name = base.str();
  for (int suffix = 1; index.count(name); ++suffix) name = llvm::formatv("{0}.{1}", base, suffix);
  return name;
}

const WeightsTable::Entry *WeightsTable::find(llvm::StringRef name) const {
  auto it = index.find(name);
  return it == index.end() ? nullptr : it->second;
}

std::vector<const WeightsTable::Entry *> WeightsTable::entries() const {
  std::vector<const Entry *> result;
  for (const auto &entry : order) result.push_back(entry.get());
  return result;
}

void WeightsTable::prune(llvm::function_ref<bool(llvm::StringRef)> used) {
  llvm::StringSet<> needed;
  // A recipe comes after its inputs, so one walk from the end finds all that is needed.
  for (const auto &entry : llvm::reverse(order)) {
    if (!used(entry->name) && !needed.contains(entry->name)) continue;
    needed.insert(entry->name);
    if (auto *recipe = std::get_if<Recipe>(&entry->source))
      for (const std::string &input : recipe->inputs) needed.insert(input);
  }
  llvm::erase_if(order, [&](const std::unique_ptr<Entry> &entry) {
    if (needed.contains(entry->name)) return false;
    index.erase(entry->name);
    kept.erase(entry->name);
    hashes.erase(entry->name);
    return true;
  });
}

std::optional<WeightsTable::Bytes> WeightsTable::view(llvm::StringRef name) const {
  const Entry *entry = find(name);
  if (!entry) return std::nullopt;
  if (auto *span = std::get_if<Span>(&entry->source))
    return Bytes(span->length ? span->file->getBufferStart() + span->offset : nullptr, span->length);
  if (auto *owned = std::get_if<std::vector<char>>(&entry->source)) return Bytes(*owned);
  std::lock_guard lock(mutex);
  auto it = kept.find(name);
  if (it == kept.end()) return std::nullopt;
  return Bytes(it->second);
}

llvm::Error WeightsTable::materialize(llvm::StringRef name, MutableBytes out) const {
  const Entry *entry = find(name);
  if (!entry) return failure("there is no weight named '{0}'", name);
  if (static_cast<int64_t>(out.size()) != entry->byteCount())
    return failure("weight '{0}' has {1} bytes, the buffer {2}", name, entry->byteCount(), out.size());
  if (std::optional<Bytes> bytes = view(name)) {
    if (!bytes->empty()) std::memcpy(out.data(), bytes->data(), bytes->size());
    return llvm::Error::success();
  }
  const Recipe &recipe = std::get<Recipe>(entry->source);
  auto runner = runners.find(recipe.kind);
  if (runner == runners.end())
    return failure("no one runs recipes of kind '{0}' (weight '{1}')", recipe.kind, name);
  if (llvm::Error error = runner->second(*this, *entry, out)) return error;
  if (entry->byteCount() <= keptBytes) {
    std::lock_guard lock(mutex);
    kept.try_emplace(name, out.begin(), out.end());
  }
  return llvm::Error::success();
}

llvm::Expected<WeightsTable::Held> WeightsTable::bytes(llvm::StringRef name) const {
  if (std::optional<Bytes> there = view(name)) return Held(*there);
  const Entry *entry = find(name);
  if (!entry) return failure("there is no weight named '{0}'", name);
  size_t size = entry->byteCount();
  std::unique_ptr<char[]> memory(new char[size]);
  if (llvm::Error error = materialize(name, MutableBytes(memory.get(), size))) return std::move(error);
  return Held(std::move(memory), size);
}

uint64_t WeightsTable::hash(llvm::StringRef name) const {
  const Entry *entry = find(name);
  if (!entry) return 0;
  {
    std::lock_guard lock(mutex);
    if (auto it = hashes.find(name); it != hashes.end()) return it->second;
  }
  std::vector<uint8_t> parts;
  append(parts, static_cast<uint64_t>(entry->dtype));
  for (int64_t dim : entry->dims) append(parts, dim);
  if (auto *recipe = std::get_if<Recipe>(&entry->source)) {
    append(parts, llvm::xxh3_64bits(llvm::StringRef(recipe->kind)));
    append(parts, recipe->meaning);
    for (const std::string &input : recipe->inputs) append(parts, hash(input));
  } else {
    append(parts, llvm::xxh3_64bits(llvm::StringRef(view(name)->data(), view(name)->size())));
  }
  uint64_t result = llvm::xxh3_64bits(parts);
  std::lock_guard lock(mutex);
  hashes[name] = result;
  return result;
}

void WeightsTable::print(llvm::raw_ostream &os) const {
  for (const auto &entry : order) {
    os << entry->name << ": ";
    for (int64_t dim : entry->dims) os << dim << 'x';
    os << llvm::StringRef(dtypeName(entry->dtype));
    if (std::holds_alternative<Span>(entry->source)) {
      os << " = span";
    } else if (auto *recipe = std::get_if<Recipe>(&entry->source)) {
      os << " = " << recipe->kind << '(' << recipe->params << ") of [";
      llvm::interleaveComma(recipe->inputs, os);
      os << ']';
    } else {
      os << " = bytes";
    }
    os << '\n';
  }
}

} // namespace dlc
