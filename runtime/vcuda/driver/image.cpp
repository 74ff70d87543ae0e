#include "runtime/vcuda/driver/image.h"

#include "runtime/vcuda/driver/fatbin.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <fstream>
#include <iterator>

namespace dlc::vcuda {
namespace {

/// Minor versions only add instructions, and one that is not known is refused by name: all of CUDA 13 (9.0
/// to 9.5 so far).
constexpr uint32_t newestPtx = 99;
constexpr uint32_t maxStaticShared = 48 * 1024;

/// Skips blanks and comments.
const char *skipBlanks(const char *p) {
  for (;;) {
    if (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
      ++p;
    else if (p[0] == '/' && p[1] == '/')
      while (*p && *p != '\n') ++p;
    else if (p[0] == '/' && p[1] == '*') {
      const char *end = std::strstr(p + 2, "*/");
      if (!end) return p + std::strlen(p);
      p = end + 2;
    } else
      return p;
  }
}

bool takeWord(const char *&p, const char *word) {
  size_t n = std::strlen(word);
  if (std::strncmp(p, word, n) != 0 || std::isalnum(static_cast<unsigned char>(p[n]))) return false;
  p = skipBlanks(p + n);
  return true;
}

/// A plain target runs on its own and every later generation, `a` on exactly its own, `f` within its major
/// one.
bool suits(const PtxHeader &h, const DeviceRecord &record) {
  uint32_t sm = uint32_t(record.smVersion());
  if (h.suffix == 'a') return sm == h.sm;
  if (h.suffix == 'f') return sm >= h.sm && sm / 10 == h.sm / 10;
  return sm >= h.sm;
}

CUresult checkHeader(const PtxHeader &h, const std::vector<const Device *> &devices, std::string &errors) {
  if (!h.version || h.target.empty()) {
    errors = "PTX must begin with .version and .target directives\n";
    return CUDA_ERROR_INVALID_PTX;
  }
  if (h.version > newestPtx) {
    errors = "unsupported .version " + std::to_string(h.version / 10) + "." + std::to_string(h.version % 10) +
             "; the newest one that is known is " + std::to_string(newestPtx / 10) + "." +
             std::to_string(newestPtx % 10) + "\n";
    return CUDA_ERROR_UNSUPPORTED_PTX_VERSION;
  }
  if (std::any_of(devices.begin(), devices.end(), [&](const Device *d) { return suits(h, d->record); }))
    return CUDA_SUCCESS;
  // As the driver's own PTX compiler: the text is at fault, not a missing binary.
  errors = ".target " + h.target + " does not run on the device (" + devices.front()->record.arch + ")\n";
  return CUDA_ERROR_INVALID_PTX;
}

CUresult parseText(const char *text, const std::vector<const Device *> &devices, const std::string &name,
                   std::shared_ptr<const Module> &result, std::string &errors) {
  if (CUresult wrong = checkHeader(readHeader(text), devices, errors)) return wrong;
  ParseResult parsed = parseModule(text, name);
  for (const Diagnostic &d : parsed.errors)
    errors += name + ", line " + std::to_string(d.line) + "; error: " + d.message + "\n";
  if (!parsed.module) return CUDA_ERROR_INVALID_PTX;
  for (const KernelInfo &k : parsed.module->kernels) {
    if (k.staticSharedBytes <= maxStaticShared) continue;
    errors += "kernel " + k.name + " declares " + std::to_string(k.staticSharedBytes) +
              " bytes of shared memory, more than " + std::to_string(maxStaticShared) + "\n";
    return CUDA_ERROR_INVALID_PTX;
  }
  result = parsed.module;
  return CUDA_SUCCESS;
}

} // namespace

PtxHeader readHeader(const char *p) {
  PtxHeader h;
  p = skipBlanks(p);
  if (!takeWord(p, ".version")) return h;
  char *end = nullptr;
  unsigned long major = std::strtoul(p, &end, 10);
  if (end == p || *end != '.' || major > 99) return h;
  p = end + 1;
  unsigned long minor = std::strtoul(p, &end, 10);
  if (end == p || minor > 9) return h;
  h.version = uint32_t(major * 10 + minor);
  p = skipBlanks(end);
  if (!takeWord(p, ".target") || std::strncmp(p, "sm_", 3) != 0) return h;
  h.sm = uint32_t(std::min(std::strtoul(p + 3, &end, 10), 9999ul));
  if (*end == 'a' || *end == 'f') h.suffix = *end++;
  h.target.assign(p, static_cast<const char *>(end));
  h.body = skipBlanks(end);
  while (*h.body == ',') { // , debug
    h.body = skipBlanks(h.body + 1);
    while (std::isalnum(static_cast<unsigned char>(*h.body)) || *h.body == '_') ++h.body;
    h.body = skipBlanks(h.body);
  }
  if (takeWord(h.body, ".address_size"))
    while (std::isdigit(static_cast<unsigned char>(*h.body))) ++h.body;
  return h;
}

bool JitOptions::read(unsigned count, const int *options, void **values) {
  if (!count) return true;
  if (!options || !values) return false;
  for (unsigned i = 0; i < count; ++i) {
    switch (options[i]) {
    case CU_JIT_WALL_TIME:
      wallTime = &values[i];
      break;
    case CU_JIT_INFO_LOG_BUFFER:
      info.buffer = static_cast<char *>(values[i]);
      break;
    case CU_JIT_ERROR_LOG_BUFFER:
      error.buffer = static_cast<char *>(values[i]);
      break;
    case CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES:
    case CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES: {
      Log &log = options[i] == CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES ? info : error;
      log.size = unsigned(reinterpret_cast<uintptr_t>(values[i])); // an unsigned int in the slot of a pointer
      log.written = &values[i];
      break;
    }
    default:
      if (options[i] < 0 || options[i] >= CU_JIT_NUM_OPTIONS) return false;
    }
  }
  return true;
}

void JitOptions::fill(Log &log, const std::string &text) {
  size_t count = 0;
  if (log.buffer && log.size) {
    count = std::min(text.size(), log.size - 1);
    std::memcpy(log.buffer, text.data(), count);
    log.buffer[count] = 0;
  }
  if (log.written) *log.written = reinterpret_cast<void *>(uintptr_t(count));
}

void JitOptions::report(const std::string &infoText, const std::string &errorText, float milliseconds) {
  fill(info, infoText);
  fill(error, errorText);
  if (wallTime) std::memcpy(wallTime, &milliseconds, sizeof milliseconds);
}

CUresult loadImage(const void *image, JitOptions &jit, const std::vector<const Device *> &devices,
                   const std::string &name, std::shared_ptr<const Module> &result) {
  if (!image) return CUDA_ERROR_INVALID_VALUE;
  auto start = std::chrono::steady_clock::now();
  const char *text = static_cast<const char *>(image);
  CUresult status = CUDA_SUCCESS;
  std::string errors, info, inside;
  if (std::strncmp(text,
                   "\x7f"
                   "ELF",
                   4) == 0) {
    errors = "the virtual GPU executes PTX text, not machine code\n";
    status = CUDA_ERROR_NO_BINARY_FOR_GPU;
  } else if (isFatBinary(image)) {
    auto newest = std::max_element(devices.begin(), devices.end(), [](const Device *x, const Device *y) {
      return x->record.smVersion() < y->record.smVersion();
    });
    status = readFatBinary(image, uint32_t((*newest)->record.smVersion()), inside, errors);
    text = inside.c_str();
  }
  if (status == CUDA_SUCCESS) status = parseText(text, devices, name, result, errors);
  if (status == CUDA_SUCCESS)
    for (const KernelInfo &k : result->kernels)
      info += "kernel " + k.name + ": " + std::to_string(k.staticSharedBytes) + " bytes shared, " +
              std::to_string(k.parameterBytes) + " bytes parameters\n";
  jit.report(info, errors,
             std::chrono::duration<float, std::milli>(std::chrono::steady_clock::now() - start).count());
  return status;
}

CUresult readImage(const char *path, std::string &text) {
  if (!path) return CUDA_ERROR_INVALID_VALUE;
  std::ifstream file(path, std::ios::binary);
  if (!file) return CUDA_ERROR_FILE_NOT_FOUND;
  text.assign(std::istreambuf_iterator<char>(file), {});
  return file.bad() ? CUDA_ERROR_FILE_NOT_FOUND : CUDA_SUCCESS;
}

std::shared_ptr<ModuleObject> instantiate(Context &context, std::shared_ptr<const Module> image) {
  auto module = std::make_shared<ModuleObject>();
  module->context = context.weak_from_this();
  ModuleInstance &instance = module->instance;
  instance.module = image;
  DeviceMemory &memory = context.device.memory;
  bool enough = true;
  auto place = [&](uint64_t bytes, uint64_t alignment, const std::string &name) -> uint64_t {
    AllocationRequest request;
    request.bytes = std::max<uint64_t>(bytes, 1);
    request.alignment = std::max<uint64_t>(alignment, 256);
    request.owner = context.id;
    request.name = name;
    auto allocation = memory.allocate(request);
    enough = enough && allocation;
    return allocation ? allocation->base : 0;
  };
  if (image->constantBankBytes)
    instance.constantBank = place(image->constantBankBytes, 256, "constant memory");
  for (const VariableInfo &v : image->variables)
    instance.variables.push_back(v.space == VariableInfo::Constant ? instance.constantBank + v.constantOffset
                                                                   : place(v.bytes, v.alignment, v.name));
  if (!enough) {
    releaseInstance(context, *module);
    return nullptr;
  }
  initialiseModule(instance, memory);
  for (const KernelInfo &k : image->kernels) {
    auto function = std::make_shared<Function>();
    function->module = module;
    function->info = &k;
    function->attributes.maxDynamicShared =
        int(context.device.record.sharedPerBlock) - int(k.staticSharedBytes);
    function->handle = driver().functions.add(function);
    module->functions.push_back(std::move(function));
  }
  module->handle = driver().modules.add(module);
  return module;
}

void releaseInstance(Context &context, ModuleObject &module) {
  for (const auto &function : module.functions) driver().functions.remove(function->handle);
  const ModuleInstance &instance = module.instance;
  if (instance.constantBank) context.device.memory.free(instance.constantBank);
  for (size_t i = 0; i < instance.variables.size(); ++i)
    if (instance.module->variables[i].space == VariableInfo::Global && instance.variables[i])
      context.device.memory.free(instance.variables[i]);
}

} // namespace dlc::vcuda
