#include "tools/files/files.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <unistd.h>

namespace dlc::files {

namespace fs = std::filesystem;

// The path with its links followed; where nothing is yet, as far as something is.
static fs::path resolved(const std::string &path) {
  std::error_code error;
  fs::path result = fs::weakly_canonical(fs::absolute(path, error), error);
  return error ? fs::path(path) : result;
}

static bool isSpecial(const fs::path &path) {
  std::error_code error;
  return fs::exists(path, error) && !fs::is_regular_file(path, error);
}

bool isSameFile(const std::string &a, const std::string &b) {
  std::error_code error;
  if (isSpecial(a)) return false;
  return fs::equivalent(a, b, error) || resolved(a) == resolved(b);
}

Problem checkWritable(const std::string &path) {
  std::error_code error;
  fs::path target = resolved(path);
  if (fs::is_directory(target, error)) return {"it is a folder", "name a file"};
  if (isSpecial(target)) return {};
  if (fs::exists(target, error) && ::access(target.c_str(), W_OK) != 0) return {std::strerror(errno), ""};
  fs::path folder = target.parent_path();
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    return {std::strerror(errno), "choose a folder that is there and takes files"};
  if (!fs::is_directory(folder, error)) return {"'" + folder.string() + "' is no folder", ""};
  return {};
}

namespace {
std::atomic<const char *> unfinished{nullptr}; // what endBySignal removes
static_assert(std::atomic<const char *>::is_always_lock_free);

void endBySignal(int number) {
  if (const char *path = unfinished.exchange(nullptr)) ::unlink(path);
  std::signal(number, SIG_DFL);
  ::raise(number); // comes when this returns
}

// A file that goes when a signal ends the process meanwhile. A signal that is ignored stays so.
class Unfinished {
public:
  explicit Unfinished(const std::string &path) {
    unfinished = path.c_str();
    for (size_t i = 0; i < std::size(numbers); ++i) {
      struct sigaction ours = {};
      ours.sa_handler = endBySignal;
      ::sigaction(numbers[i], nullptr, &before[i]);
      if (before[i].sa_handler == SIG_DFL) ::sigaction(numbers[i], &ours, nullptr);
    }
  }
  ~Unfinished() {
    for (size_t i = 0; i < std::size(numbers); ++i) ::sigaction(numbers[i], &before[i], nullptr);
    unfinished = nullptr;
  }
  Unfinished(const Unfinished &) = delete;

private:
  static constexpr int numbers[] = {SIGHUP, SIGINT, SIGTERM};
  struct sigaction before[std::size(numbers)] = {};
};
} // namespace

Problem writeWhole(const std::string &path, const Fill &fill) {
  fs::path target = resolved(path);
  if (isSpecial(path)) return {fill(path), ""};
  std::string temporary = target.string() + "." + std::to_string(::getpid()) + ".part";
  Unfinished scope(temporary);
  std::string why = fill(temporary);
  std::error_code error;
  if (why.empty()) {
    fs::file_status old = fs::status(target, error);
    if (fs::exists(old))
      fs::permissions(temporary, old.permissions(), error); // the new file is as open as the old
    fs::rename(temporary, target, error);
    if (error) why = error.message();
  }
  if (why.empty()) return {};
  fs::remove(temporary, error);
  return {why, "what was there is unchanged"};
}

Problem writeText(const std::string &path, const std::string &text) {
  return writeWhole(path, [&](const std::string &file) -> std::string {
    std::FILE *out = std::fopen(file.c_str(), "wb");
    if (!out) return std::strerror(errno);
    int why = std::fwrite(text.data(), 1, text.size(), out) == text.size() ? 0 : errno;
    if (std::fclose(out) != 0 && why == 0) why = errno;
    return why ? std::strerror(why) : "";
  });
}

} // namespace dlc::files
