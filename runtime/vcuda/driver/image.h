//===- image.h - from a client's bytes to a module ---------------------------===//
#ifndef DLC_RUNTIME_VCUDA_DRIVER_IMAGE_H
#define DLC_RUNTIME_VCUDA_DRIVER_IMAGE_H

#include "runtime/vcuda/driver/state.h"

#include <string>

namespace dlc::vcuda {

/// The options of a JIT call that have an effect here: the two logs and the time.
class JitOptions {
public:
  /// False for an option that does not exist or has no value.
  bool read(unsigned count, const int *options, void **values);
  /// Fills the client's log buffers and writes back how much is in them.
  void report(const std::string &info, const std::string &errors, float milliseconds);

private:
  struct Log {
    char *buffer = nullptr;
    size_t size = 0;
    void **written = nullptr; ///< the slot of the size option, which receives the count
  };
  static void fill(Log &log, const std::string &text);
  Log info, error;
  void **wallTime = nullptr;
};

/// The head of a PTX text, which can be read before the text is parsed.
struct PtxHeader {
  uint32_t version = 0; ///< 90 for 9.0; 0 = not given
  std::string target;   ///< "sm_90a"
  uint32_t sm = 0;
  char suffix = 0;            ///< 'a', 'f' or 0
  const char *body = nullptr; ///< what follows it
};
PtxHeader readHeader(const char *text);

/// Makes a module of what cuModuleLoadData takes. The virtual GPU executes PTX text; machine code is refused
/// as a driver refuses machine code of another GPU. `devices`: the PTX must suit one of them.
CUresult loadImage(const void *image, JitOptions &jit, const std::vector<const Device *> &devices,
                   const std::string &name, std::shared_ptr<const Module> &result);

/// Reads a whole file, with a zero byte behind it.
CUresult readImage(const char *path, std::string &text);

/// Places a module's variables in a context; null when memory is used up.
std::shared_ptr<ModuleObject> instantiate(Context &context, std::shared_ptr<const Module> image);
/// Takes an instance's functions and memory away, once the context's work is done.
void releaseInstance(Context &context, ModuleObject &module);

} // namespace dlc::vcuda

#endif
