#include "runtime/file.h"

#include "runtime/failure.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dlc::rt {

namespace {
struct OpenFile {
  int descriptor = -1;
  size_t bytes = 0;
  ~OpenFile() {
    if (descriptor >= 0) ::close(descriptor);
  }
};
} // namespace

[[noreturn]] static void failReading(const std::string &path, std::string_view why) {
  fail(DLC_ERROR_IO, concat("can't read ", inQuotes(path), ": ", why), "check the path and its permissions");
}

static void open(OpenFile &file, const std::string &path) {
  file.descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file.descriptor < 0) failReading(path, std::strerror(errno));
  struct stat status{};
  if (::fstat(file.descriptor, &status) != 0) failReading(path, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) failReading(path, "not a regular file");
  file.bytes = size_t(status.st_size);
}

String readFile(const std::string &path) {
  OpenFile file;
  open(file, path);
  String content(file.bytes, '\0');
  size_t done = 0;
  while (done < content.size()) {
    ssize_t count = ::read(file.descriptor, content.data() + done, content.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) failReading(path, std::strerror(errno));
    if (count == 0) break;
    done += size_t(count);
  }
  content.resize(done);
  return content;
}

MappedFile::MappedFile(const std::string &path) {
  OpenFile file;
  open(file, path);
  if (file.bytes == 0) return;
  void *memory = ::mmap(nullptr, file.bytes, PROT_READ, MAP_PRIVATE, file.descriptor, 0);
  if (memory == MAP_FAILED) failReading(path, std::strerror(errno));
  start = static_cast<const uint8_t *>(memory);
  bytes = file.bytes;
}

MappedFile::~MappedFile() {
  if (start) ::munmap(const_cast<uint8_t *>(start), bytes);
}
MappedFile::MappedFile(MappedFile &&other) noexcept
    : start(std::exchange(other.start, nullptr)), bytes(std::exchange(other.bytes, 0)) {}
MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(start, other.start);
  std::swap(bytes, other.bytes);
  return *this;
}

} // namespace dlc::rt
