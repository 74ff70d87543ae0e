// The entrance: options, reading, validation, and rounds of the import until no binding is new.
#include "compiler/import/import.h"
#include "compiler/import/importer.h"

#include "ir/graph/graph.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dlc {

static bool wrongOption(Code code, const std::string &text, const std::string &why,
                        Diagnostics &diagnostics) {
  diagnostics.report(code, "`" + text + "`: " + why);
  return false;
}

bool parseDimOption(const std::string &text, ImportOptions &options, Diagnostics &diagnostics) {
  auto wrong = [&](const std::string &why) { return wrongOption(Code::E0501, text, why, diagnostics); };
  auto [name, value] = llvm::StringRef(text).rsplit('=');
  if (name.empty() || value.empty()) return wrong("a name and a range are needed");
  auto [bounds, multiple] = value.split(':');
  SymbolRange range;
  size_t dots = bounds.find("..");
  llvm::StringRef lo = bounds.substr(0, dots),
                  hi = dots == llvm::StringRef::npos ? lo : bounds.substr(dots + 2);
  if (lo.getAsInteger(10, range.min) || hi.getAsInteger(10, range.max))
    return wrong("the range is no numbers");
  if (value.contains(':') && (multiple.getAsInteger(10, range.multiple) || range.multiple < 1))
    return wrong("the multiple is no number of at least 1");
  if (range.min < 0 || range.min > range.max || range.max >= int64_t(1) << 31)
    return wrong("the range must lie in 0..2147483647");
  if (range.min % range.multiple != 0) range.min += range.multiple - range.min % range.multiple;
  range.max -= range.max % range.multiple;
  if (range.min > range.max)
    return wrong("no multiple of " + std::to_string(range.multiple) + " lies in the range");
  if (!options.dims.emplace(name.str(), range).second) return wrong("the dim is given twice");
  return true;
}

bool parseSetOption(const std::string &text, ImportOptions &options, Diagnostics &diagnostics) {
  auto [name, value] = llvm::StringRef(text).rsplit('=');
  if (name.empty() || value.empty())
    return wrongOption(Code::E0502, text, "a name and a value are needed", diagnostics);
  if (!options.sets.emplace(name.str(), value.str()).second)
    return wrongOption(Code::E0502, text, "the input is given twice", diagnostics);
  return true;
}

/// Maps a regular file; a FIFO or folder is refused without waiting for it.
static std::shared_ptr<const llvm::MemoryBuffer> mapModel(const std::string &path, Diagnostics &diagnostics) {
  auto fail = [&](const std::string &why) {
    diagnostics.report(Code::E0101, why);
    return nullptr;
  };
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fail(std::string("cannot be opened: ") + strerror(errno));
  struct stat status;
  bool regular = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  if (!regular) {
    ::close(fd);
    return fail("is no regular file");
  }
  auto mapped = llvm::MemoryBuffer::getOpenFile(llvm::sys::fs::convertFDToNativeFile(fd), path,
                                                static_cast<uint64_t>(status.st_size), false);
  ::close(fd);
  if (!mapped) return fail("cannot be read: " + mapped.getError().message());
  return std::shared_ptr<const llvm::MemoryBuffer>(std::move(*mapped));
}

std::optional<GraphModule> importOnnx(const std::string &path, const ImportOptions &options,
                                      mlir::MLIRContext &context, Diagnostics &diagnostics,
                                      ImportReport *report) {
  auto buffer = mapModel(path, diagnostics);
  if (!buffer) return std::nullopt;
  std::string folder = llvm::sys::path::parent_path(path).str();
  return importOnnxBuffer(std::move(buffer), folder, options, context, diagnostics, report);
}

/// The rounds: each one binds a symbol or makes a range smaller.
constexpr int maxRounds = 500;
static std::optional<GraphModule> rounds(import::ModelFile &file, const ImportOptions &options,
                                         mlir::MLIRContext &context, Diagnostics &diagnostics,
                                         ImportReport &report) {
  import::Symbols symbols(options.dims);
  for (int round = 0;; ++round) {
    Diagnostics found(diagnostics.fileName());
    report = ImportReport();
    symbols.startRound();
    import::Importer importer(file, options, context, symbols, found, report);
    std::optional<GraphModule> result;
    try {
      result = importer.run();
    } catch (const import::Restart &) {
      if (round < maxRounds) continue;
      diagnostics.report(Code::E0105,
                         "more than " + std::to_string(maxRounds) + " dims have to be bound to others");
      return std::nullopt;
    }
    for (const auto &binding : symbols.allBindings())
      found.report(Code::W0102, binding.symbol + " = " + binding.value.str() + " (" + binding.what + ")");
    for (const auto &[name, smaller] : symbols.allNarrowed())
      found.report(Code::W0102, std::to_string(smaller.range.min) + " <= " + name +
                                    " <= " + std::to_string(smaller.range.max) + " (" + smaller.what + ")");
    for (const auto &guard : symbols.allGuards())
      found.report(Code::W0102, guard.lhs.str() + " = " + guard.rhs.str() + " (" + guard.message + ")");
    for (const Diagnostic &d : found.all()) diagnostics.report(d.code, d.message, d.location, d.help);
    return result;
  }
}

std::optional<GraphModule> importOnnxBuffer(std::shared_ptr<const llvm::MemoryBuffer> buffer,
                                            const std::string &folder, const ImportOptions &options,
                                            mlir::MLIRContext &context, Diagnostics &diagnostics,
                                            ImportReport *report) {
  context.loadDialect<graph::GraphDialect, mlir::arith::ArithDialect, mlir::math::MathDialect,
                      mlir::func::FuncDialect>();
  ImportReport local;
  import::ModelFile file;
  if (!file.parse(std::move(buffer), folder, options.readWeights, diagnostics)) return std::nullopt;
  import::validateModel(file.proto(), diagnostics);
  if (diagnostics.hasErrors()) return std::nullopt;
  auto result = rounds(file, options, context, diagnostics, report ? *report : local);
  if (!result) return std::nullopt;
  std::string complaint;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    if (complaint.empty()) complaint = diagnostic.str();
    return mlir::success();
  });
  if (mlir::failed(mlir::verify(*result->module))) {
    diagnostics.report(Code::E0999, "the imported module does not verify: " + complaint);
    return std::nullopt;
  }
  return result;
}

} // namespace dlc
