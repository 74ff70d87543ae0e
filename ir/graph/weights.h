// The weights table: the constant tensors of a model, beside its module.
//
// An entry is a span of a mapped file, bytes that the table owns, or a recipe over other entries. The module
// refers to an entry with `graph.constant #graph.weight<"name">` and never holds its bytes. Order is the
// order of insertion everywhere, so what is written from the table is the same on every machine.
//
// Recipes run one at a time, into the caller's buffer, so a compile holds one tensor beyond the mapped model
// (plus small results, which are kept). A recipe of kind "fold" names a private function of the module, whose
// arguments are the inputs and whose one result is the entry; the interpreter runs it. Other kinds (packing
// for a kernel's storage) are brought by whoever makes them, with setRunner.
#pragma once

#include "ir/graph/dtype.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

namespace dlc {

class WeightsTable {
public:
  using Bytes = llvm::ArrayRef<char>;
  using MutableBytes = llvm::MutableArrayRef<char>;
  /// A file of the model, mapped and checked by the importer; entries keep it alive.
  using MappedFile = std::shared_ptr<const llvm::MemoryBuffer>;

  struct Span {
    MappedFile file;
    uint64_t offset = 0; ///< bytes from the start of the file; not necessarily aligned to the element
    uint64_t length = 0; ///< bytes
  };
  struct Recipe {
    std::string kind;                ///< "fold", or a name given to setRunner
    std::string params;              ///< what the kind wants to know: the function's name for "fold"
    std::vector<std::string> inputs; ///< entries
    uint64_t meaning = 0;            ///< hash of what the recipe computes, names left out
  };
  struct Entry {
    std::string name;
    DType dtype;
    llvm::SmallVector<int64_t> dims;
    std::variant<Span, std::vector<char>, Recipe> source;

    int64_t elementCount() const;
    int64_t byteCount() const { return elementCount() * byteSize(dtype); }
  };
  /// Computes an entry into `out` (exactly byteCount() bytes, row-major) from its inputs' bytes.
  using Runner = std::function<llvm::Error(const WeightsTable &, const Entry &, MutableBytes out)>;

  /// The bytes of an entry: the table's own memory, or a buffer made for this call.
  class Held {
  public:
    explicit Held(Bytes view) : view(view) {}
    explicit Held(std::unique_ptr<char[]> memory, size_t size)
        : memory(std::move(memory)), view(this->memory.get(), size) {}
    Bytes bytes() const { return view; }

  private:
    std::unique_ptr<char[]> memory;
    Bytes view;
  };

  WeightsTable() = default;
  WeightsTable(WeightsTable &&other) noexcept { *this = std::move(other); }
  WeightsTable &operator=(WeightsTable &&other) noexcept;

  /// Add an entry. Fails when the name is taken, the source's size does not fit dtype and dims, a span leaves
  /// its file, or an input of a recipe is unknown (so recipes cannot form a cycle).
  llvm::Error addSpan(llvm::StringRef name, DType dtype, llvm::ArrayRef<int64_t> dims, Span span);
  llvm::Error addBytes(llvm::StringRef name, DType dtype, llvm::ArrayRef<int64_t> dims,
                       std::vector<char> bytes);
  llvm::Error addRecipe(llvm::StringRef name, DType dtype, llvm::ArrayRef<int64_t> dims, Recipe recipe);

  /// `base`, or `base.1`, `base.2`, ... : the first name that is free.
  std::string freeName(llvm::StringRef base) const;

  const Entry *find(llvm::StringRef name) const;
  /// Entries in the order of insertion; a removed entry is absent.
  std::vector<const Entry *> entries() const;
  /// Keeps what `used` accepts and what their recipes need.
  void prune(llvm::function_ref<bool(llvm::StringRef)> used);

  /// The bytes when no work is needed: spans, owned bytes, results that were kept.
  std::optional<Bytes> view(llvm::StringRef name) const;
  /// Writes the bytes into `out`, which has the entry's byteCount(). Fails for an unknown name, a kind
  /// without a runner, and when the runner does.
  llvm::Error materialize(llvm::StringRef name, MutableBytes out) const;
  /// View or materialize, whichever applies.
  llvm::Expected<Held> bytes(llvm::StringRef name) const;

  /// 64-bit hash over dtype, dims and content; for recipes over their meaning and their inputs' hashes.
  /// The same on every machine. 0 for an unknown name.
  uint64_t hash(llvm::StringRef name) const;

  void setRunner(llvm::StringRef kind, Runner runner) { runners[kind] = std::move(runner); }

  /// One line per entry: name, type, source. No bytes.
  void print(llvm::raw_ostream &os) const;

private:
  llvm::Error insert(Entry entry);

  std::vector<std::unique_ptr<Entry>> order;
  llvm::StringMap<Entry *> index;
  llvm::StringMap<Runner> runners;

  mutable std::mutex mutex; ///< guards the two caches
  mutable llvm::StringMap<std::vector<char>> kept;
  mutable llvm::StringMap<uint64_t> hashes;
};

} // namespace dlc
