// External data: `location`, `offset`, `length`, `checksum` of a tensor whose bytes stand in another file.
// (ONNX: docs/ExternalData.md of the format.)
#include "compiler/import/model_file.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dlc::import {
namespace {

[[noreturn]] void refuse(Code code, const std::string &location, const std::string &why) {
  throw Refusal{code, "external data file `" + location + "` " + why, ""};
}

/// The components of a relative path; refuses what could leave the folder.
llvm::SmallVector<std::string> components(const std::string &location) {
  if (location.empty()) throw Refusal{Code::E0404, "external data has no location", ""};
  if (location.find('\0') != std::string::npos || location.size() > 4096)
    refuse(Code::E0403, printable(location, 60), "is no path");
  if (location.front() == '/' || location.find('\\') != std::string::npos)
    refuse(Code::E0403, location, "is no relative path");
  llvm::SmallVector<std::string> parts;
  for (llvm::StringRef part : llvm::split(location, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") refuse(Code::E0403, location, "leaves the model's folder");
    parts.push_back(part.str());
  }
  if (parts.empty()) refuse(Code::E0403, location, "is no file");
  return parts;
}

uint64_t number(const std::string &key, const std::string &text) {
  uint64_t value;
  if (text.empty() || !llvm::isDigit(text.front()) || llvm::StringRef(text).getAsInteger(10, value))
    throw Refusal{Code::E0404, "external data " + key + " `" + printable(text, 60) + "` is no byte count",
                  ""};
  return value;
}

} // namespace

WeightsTable::MappedFile DataFolder::open(const std::string &location) {
  auto parts = components(location);
  std::string key = llvm::join(parts, "/");
  if (auto found = files.find(key); found != files.end()) return found->second;

  int folderFd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folderFd < 0) refuse(Code::E0401, location, "cannot be opened: the model's folder cannot be read");
  int fd = folderFd;
  llvm::scope_exit closer([&] { ::close(fd); });
  for (size_t i = 0; i < parts.size(); ++i) {
    bool last = i + 1 == parts.size();
    // O_NONBLOCK: opening a FIFO must not wait for its writer.
    int next = ::openat(fd, parts[i].c_str(),
                        O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (last ? 0 : O_DIRECTORY));
    if (next < 0) {
      int error = errno;
      if (error == ELOOP || error == EMLINK)
        refuse(Code::E0403, location, "is or goes through a symbolic link");
      refuse(Code::E0401, location, std::string("cannot be opened: ") + strerror(error));
    }
    ::close(fd);
    fd = next;
  }
  struct stat status;
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
    refuse(Code::E0401, location, "is no regular file");
  if (status.st_nlink != 1) refuse(Code::E0403, location, "has several names (hard links)");
  auto mapped = llvm::MemoryBuffer::getOpenFile(llvm::sys::fs::convertFDToNativeFile(fd), key,
                                                static_cast<uint64_t>(status.st_size), false);
  if (!mapped) refuse(Code::E0401, location, "cannot be read: " + mapped.getError().message());
  return files[key] = WeightsTable::MappedFile(std::move(*mapped));
}

ModelFile::Payload ModelFile::external(const onnx::TensorProto &tensor, uint64_t expected) {
  std::map<std::string, std::string> entries;
  for (const auto &entry : tensor.external_data()) {
    static const std::set<std::string> known{"location", "offset", "length", "checksum", "basepath"};
    if (!known.count(entry.key()))
      throw Refusal{Code::E0404, "external data has the unknown key `" + printable(entry.key(), 60) + "`",
                    ""};
    if (!entries.emplace(entry.key(), entry.value()).second)
      throw Refusal{Code::E0404, "external data gives `" + entry.key() + "` twice", ""};
  }
  components(entries["location"]); // also refused when no file is opened
  uint64_t offset = entries.count("offset") ? number("offset", entries["offset"]) : 0;
  uint64_t length = entries.count("length") ? number("length", entries["length"]) : expected;
  if (length != expected)
    throw Refusal{Code::E0402,
                  "external data has " + std::to_string(length) + " bytes, but its dims and type need " +
                      std::to_string(expected),
                  ""};
  if (!readWeights) return std::monostate();
  WeightsTable::MappedFile file = data.open(entries["location"]);
  uint64_t size = file->getBufferSize();
  if (offset > size || length > size - offset)
    throw Refusal{Code::E0402,
                  "external data at " + std::to_string(offset) + " + " + std::to_string(length) +
                      " bytes ends past `" + entries["location"] + "` of " + std::to_string(size) + " bytes",
                  ""};
  return WeightsTable::Span{file, offset, length};
}

} // namespace dlc::import
