#include "compiler/artifact/artifact.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/xxhash.h"
#include <nlohmann/json.hpp>

#include <unistd.h>

namespace dlc {

using Json = nlohmann::ordered_json;

namespace {

std::string hex(llvm::SHA256 &hash) { return llvm::toHex(hash.final(), /*LowerCase=*/true); }

std::string sha256(llvm::StringRef bytes) {
  llvm::SHA256 hash;
  hash.update(bytes);
  return hex(hash);
}

/// A file that appears under its name only when it is whole.
class AtomicFile {
public:
  explicit AtomicFile(const std::string &path) : path(path) {}
  ~AtomicFile() {
    if (temporary.empty()) return;
    llvm::sys::fs::remove(temporary);
    llvm::sys::DontRemoveFileOnSignal(temporary);
  }

  bool open(std::string &error) {
    int descriptor = -1;
    std::error_code code = std::make_error_code(std::errc::file_exists);
    for (int tries = 0; code == std::errc::file_exists && tries < 128; ++tries) {
      llvm::SmallString<16> suffix; // alone: the path may have such characters of its own
      llvm::sys::fs::createUniquePath("%%%%%%", suffix, /*MakeAbsolute=*/false);
      std::string name = path + "." + std::string(suffix) + ".tmp";
      // Before it is there: a signal may come at any time.
      llvm::sys::RemoveFileOnSignal(name);
      code = llvm::sys::fs::openFileForWrite(name, descriptor, llvm::sys::fs::CD_CreateNew,
                                             llvm::sys::fs::OF_None, 0644);
      if (code)
        llvm::sys::DontRemoveFileOnSignal(name);
      else
        temporary = name;
    }
    if (code) {
      error = "cannot write '" + path + "': " + code.message();
      return false;
    }
    stream = std::make_unique<llvm::raw_fd_ostream>(descriptor, /*shouldClose=*/true);
    return true;
  }
  void write(llvm::StringRef bytes) { *stream << bytes; }
  void overwriteStart(llvm::StringRef bytes) { stream->pwrite(bytes.data(), bytes.size(), 0); }
  bool close(std::string &error) {
    stream->flush();
    if (stream->has_error()) {
      error = "cannot write '" + path + "': " + stream->error().message();
      stream->clear_error();
      return false;
    }
    stream.reset();
    return true;
  }
  bool commit(std::string &error) {
    if (auto code = llvm::sys::fs::rename(temporary, path)) {
      error = "cannot write '" + path + "': " + code.message();
      return false;
    }
    llvm::sys::DontRemoveFileOnSignal(temporary);
    temporary.clear();
    return true;
  }
  /// The SHA-256 of a closed file, read piece by piece: the pages are still in the system's cache.
  bool hash(std::string &digest, std::string &error) const {
    auto file = llvm::sys::fs::openNativeFileForRead(temporary);
    if (!file) {
      error = "cannot read '" + path + "' again: " + llvm::toString(file.takeError());
      return false;
    }
    llvm::SHA256 sum;
    auto failed = readPieces(*file, sum);
    llvm::sys::fs::closeFile(*file);
    if (failed)
      error = "cannot read '" + path + "' again: " + llvm::toString(std::move(failed));
    else
      digest = hex(sum);
    return error.empty();
  }

private:
  static llvm::Error readPieces(llvm::sys::fs::file_t file, llvm::SHA256 &sum) {
    std::vector<char> piece(1 << 20);
    while (true) {
      auto count = llvm::sys::fs::readNativeFile(file, piece);
      if (!count) return count.takeError();
      if (*count == 0) return llvm::Error::success();
      sum.update(llvm::StringRef(piece.data(), *count));
    }
  }

  std::string path, temporary;
  std::unique_ptr<llvm::raw_fd_ostream> stream;
};

constexpr llvm::StringLiteral generatorKey = "dlc-weights";
constexpr size_t digestLength = 64; // of the tensors' bytes, in the header; zeros until they are written
constexpr llvm::StringLiteral graphTextMark = "// dlc graph text: ";

bool isOurs(const std::string &path, llvm::StringRef mark, bool atEnd) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer) return false;
  llvm::StringRef text = (*buffer)->getBuffer();
  return (atEnd ? text.take_back(256) : text.take_front(65536)).contains(mark);
}

bool mayWrite(const std::string &path, llvm::StringRef mark, bool atEnd, std::string &error) {
  llvm::sys::fs::file_status status;
  if (llvm::sys::fs::is_symlink_file(path)) {
    error = "'" + path + "' is a symbolic link; name the file itself";
    return false;
  }
  if (llvm::sys::fs::status(path, status) || !llvm::sys::fs::exists(status)) return true;
  if (!llvm::sys::fs::is_regular_file(status)) {
    error = "'" + path + "' is not a regular file";
    return false;
  }
  if (status.getSize() == 0 || isOurs(path, mark, atEnd)) return true;
  error = "'" + path + "' exists and was not written by dlc; it is left as it is";
  return false;
}

/// The graph text of an earlier artifact of this name: nothing points into it any more.
bool removeGraphText(const std::string &artifact, std::string &error) {
  std::string path = graphTextPath(artifact);
  if (llvm::sys::fs::is_symlink_file(path) || !llvm::sys::fs::is_regular_file(path) ||
      !isOurs(path, graphTextHeading(artifact) + "\n", false))
    return true;
  if (auto code = llvm::sys::fs::remove(path)) {
    error =
        "cannot remove '" + path + "', which '" + artifact + "' has no lines for any more: " + code.message();
    return false;
  }
  return true;
}

std::string safetensorsType(DType type) {
  switch (type) {
  case DType::I1:
    return "BOOL";
  case DType::I16:
    return "I16";
  case DType::I32:
    return "I32";
  case DType::I64:
    return "I64";
  case DType::F16:
    return "F16";
  case DType::BF16:
    return "BF16";
  case DType::F32:
    return "F32";
  case DType::F64:
    return "F64";
  case DType::F8E4M3FN:
    return "F8_E4M3";
  case DType::F8E5M2:
    return "F8_E5M2";
  default:
    return "I8";
  }
}

/// Where each tensor lies: offsets are multiples of 256, gaps are U8 tensors of their own.
struct WeightsLayout {
  std::string header; // 8 bytes of length and the JSON, padded so that the data starts at a multiple of 256
  std::vector<uint64_t> offsets;
  uint64_t dataBytes = 0;
};

WeightsLayout layOut(const plan::Plan &plan, const WeightsTable &weights) {
  WeightsLayout layout;
  Json header;
  header["__metadata__"] = {{"generator", generatorKey.str()}, {"contents", std::string(digestLength, '0')}};
  uint64_t at = 0;
  int gaps = 0;
  for (const plan::Weight &weight : plan.weights) {
    const WeightsTable::Entry &entry = *weights.find(weight.name);
    if (uint64_t rest = at % 256) {
      header["__pad" + std::to_string(gaps++)] = {
          {"dtype", "U8"}, {"shape", {256 - rest}}, {"data_offsets", {at, at + 256 - rest}}};
      at += 256 - rest;
    }
    layout.offsets.push_back(at);
    uint64_t bytes = uint64_t(entry.byteCount());
    header[weight.name] = {
        {"dtype", safetensorsType(entry.dtype)}, {"shape", weight.dims}, {"data_offsets", {at, at + bytes}}};
    at += bytes;
  }
  layout.dataBytes = at;
  std::string text = header.dump();
  text.resize((text.size() + 8 + 255) / 256 * 256 - 8, ' ');
  uint64_t length = text.size();
  for (int i = 0; i < 8; ++i) layout.header += char(length >> (8 * i));
  layout.header += text;
  return layout;
}

// Streams the tensors one at a time, so that memory holds one beyond the mapped model. The digest of their
// bytes goes into the header last: so the header, which a load always checks, tells apart weights that agree
// in names and shapes.
bool streamWeights(AtomicFile &file, WeightsLayout &layout, const plan::Plan &plan,
                   const WeightsTable &weights, std::string &error) {
  file.write(layout.header);
  uint64_t at = 0;
  static const std::string zeros(256, '\0');
  llvm::SHA256 contents;
  for (size_t i = 0; i < plan.weights.size(); ++i) {
    file.write(llvm::StringRef(zeros).take_front(layout.offsets[i] - at));
    auto held = weights.bytes(plan.weights[i].name);
    if (!held) {
      error = "weight '" + plan.weights[i].name + "': " + llvm::toString(held.takeError());
      return false;
    }
    llvm::StringRef bytes(held->bytes().data(), held->bytes().size());
    file.write(bytes);
    at = layout.offsets[i] + bytes.size();
    llvm::XXH128_hash_t tensor = llvm::xxh3_128bits(llvm::arrayRefFromStringRef(bytes));
    contents.update(llvm::utohexstr(tensor.high64) + "," + llvm::utohexstr(tensor.low64) + ";");
  }
  layout.header.replace(layout.header.find(std::string(digestLength, '0')), digestLength, hex(contents));
  file.overwriteStart(layout.header);
  return file.close(error);
}

} // namespace

std::string mergePtx(const std::vector<std::string> &modules) {
  std::string header, files, body;
  auto once = [](std::string &list, llvm::StringRef line) {
    if (list.find(line.str()) == std::string::npos) list += line.str() + "\n";
  };
  std::pair<int, int> version{0, 0};
  for (const std::string &module : modules) {
    llvm::StringRef rest = module;
    while (!rest.empty()) {
      auto [line, tail] = rest.split('\n');
      rest = tail;
      if (line.consume_front(".version ")) {
        auto [major, minor] = line.trim().split('.');
        int a = 0, b = 0;
        if (!major.getAsInteger(10, a) && !minor.getAsInteger(10, b)) version = std::max(version, {a, b});
      } else if (line.starts_with(".target") || line.starts_with(".address_size")) {
        once(header, line);
      } else if (line.ltrim().starts_with(".file")) {
        once(files, line.ltrim()); // every module numbers the one graph text as its first
      } else if (line.ltrim().starts_with(".section")) {
        // An empty one, which only says that there is line information.
      } else if (!line.starts_with("//") && !line.trim().empty()) {
        body += line.str() + "\n";
      }
    }
  }
  return ".version " + std::to_string(version.first) + "." + std::to_string(version.second) + "\n" + header +
         files + "\n" + body;
}

std::string graphTextPath(const std::string &artifact) { return artifact + ".mlir"; }

std::string graphTextHeading(const std::string &artifact) {
  return graphTextMark.str() + "the lines of " + llvm::sys::path::filename(artifact).str() + " point in here";
}

bool writeArtifact(const std::string &path, const ArtifactText &text, const plan::Plan &plan,
                   const WeightsTable &weights, const ArtifactInfo &info, std::string &hash,
                   std::string &error) {
  std::string weightsPath = path + ".safetensors", graphPath = graphTextPath(path), described;
  if (!mayWrite(path, "//!dlc-plan", true, error)) return false;
  AtomicFile weightsFile(weightsPath), graphFile(graphPath), file(path);
  if (!text.graph.empty()) {
    if (!mayWrite(graphPath, graphTextMark, false, error) || !graphFile.open(error)) return false;
    graphFile.write(text.graph);
    if (!graphFile.close(error)) return false;
  }
  if (!plan.weights.empty()) {
    if (!mayWrite(weightsPath, generatorKey, false, error) || !weightsFile.open(error)) return false;
    WeightsLayout layout = layOut(plan, weights);
    if (!streamWeights(weightsFile, layout, plan, weights, error)) return false;
    std::string weightsHash;
    if (!weightsFile.hash(weightsHash, error)) return false;
    described = Json{{"file", llvm::sys::path::filename(weightsPath).str()},
                     {"bytes", layout.header.size() + layout.dataBytes},
                     {"header_hash", sha256(layout.header)},
                     {"hash", weightsHash}}
                    .dump();
  }
  if (!file.open(error)) return false;
  std::string whole = text.ptx + "//!dlc-plan 1 begin\n";
  std::string document = planText(plan, info, described);
  for (llvm::StringRef line : llvm::split(document, '\n')) whole += "//" + line.str() + "\n";
  hash = sha256(whole);
  file.write(whole + "//!dlc-plan 1 end sha256:" + hash + "\n");
  if (!file.close(error)) return false;
  if (!text.graph.empty() && !graphFile.commit(error)) return false;
  if (!plan.weights.empty() && !weightsFile.commit(error)) return false;
  return file.commit(error) && (!text.graph.empty() || removeGraphText(path, error));
}

} // namespace dlc
