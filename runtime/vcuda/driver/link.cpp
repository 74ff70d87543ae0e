// Linking: PTX texts become one, which is the image that modules are loaded from. Machine code is no input.
#include "runtime/vcuda/driver/image.h"
#include "runtime/vcuda/driver/link_text.h"

#include <algorithm>
#include <cstring>

using namespace dlc::vcuda;

namespace dlc::vcuda {

/// What a client adds until it asks for the image. Its options must outlive it: their logs are filled again
/// and again.
struct LinkState {
  std::weak_ptr<Context> context;
  std::mutex mutex; ///< guards what follows
  JitOptions jit;
  std::vector<LinkInput> texts; ///< whole ones
  std::string image;            ///< when it is complete; ends with a zero byte
};

} // namespace dlc::vcuda

namespace {

constexpr int inputPtx = 1, inputTypes = 6;

template <typename Work> CUresult onState(CUlinkState handle, Work work) {
  return inContext([&](Context &context) -> CUresult {
    auto state = driver().links.find(handle);
    if (!state || state->context.lock().get() != &context) return CUDA_ERROR_INVALID_HANDLE;
    std::lock_guard lock(state->mutex);
    return work(context, *state);
  });
}

/// Whether a text calls for others: then it can be judged with them only.
bool isOpen(const std::string &text) { return text.find(".extern") != std::string::npos; }

CUresult addText(Context &context, LinkState &state, std::string text, const std::string &name) {
  if (!state.image.empty()) return CUDA_ERROR_INVALID_VALUE;
  if (!isOpen(text)) {
    std::shared_ptr<const Module> parsed;
    if (CUresult wrong = loadImage(text.c_str(), state.jit, {&context.device}, name, parsed)) return wrong;
  }
  state.texts.push_back({std::move(text), name});
  return CUDA_SUCCESS;
}

/// One text is itself. Of several the newest version and target stand above the bodies of all.
std::string joined(const std::vector<LinkInput> &texts, std::string &error) {
  if (texts.size() == 1) return texts[0].body;
  PtxHeader newest;
  std::vector<LinkInput> inputs;
  for (const auto &[text, name] : texts) {
    PtxHeader h = readHeader(text.c_str());
    newest.version = std::max(newest.version, h.version);
    if (h.sm > newest.sm || (h.sm == newest.sm && h.suffix))
      newest.sm = h.sm, newest.target = h.target, newest.suffix = h.suffix;
    inputs.push_back({h.body ? h.body : text, name});
  }
  std::string bodies = linkTexts(inputs, error);
  return ".version " + std::to_string(newest.version / 10) + "." + std::to_string(newest.version % 10) +
         "\n.target " + newest.target + "\n.address_size 64\n" + bodies;
}

} // namespace

VCUDA_API CUresult cuLinkCreate_v2(unsigned count, int *options, void **values, CUlinkState *result) {
  return inContext([&](Context &context) -> CUresult {
    auto state = std::make_shared<LinkState>();
    if (!result || !state->jit.read(count, options, values)) return CUDA_ERROR_INVALID_VALUE;
    state->context = context.weak_from_this();
    *result = driver().links.add(std::move(state));
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuLinkAddData_v2(CUlinkState handle, int type, void *data, size_t bytes, const char *name,
                                    unsigned count, int *options, void **values) {
  return onState(handle, [&](Context &context, LinkState &state) -> CUresult {
    JitOptions own;
    if (!data || !bytes || type < 0 || type >= inputTypes || !own.read(count, options, values))
      return CUDA_ERROR_INVALID_VALUE;
    if (type != inputPtx) return CUDA_ERROR_NO_BINARY_FOR_GPU;
    const char *text = static_cast<const char *>(data);
    return addText(context, state, std::string(text, strnlen(text, bytes)), name ? name : "ptx");
  });
}

VCUDA_API CUresult cuLinkAddFile_v2(CUlinkState handle, int type, const char *path, unsigned count,
                                    int *options, void **values) {
  return onState(handle, [&](Context &context, LinkState &state) -> CUresult {
    JitOptions own;
    std::string text;
    if (type < 0 || type >= inputTypes || !own.read(count, options, values)) return CUDA_ERROR_INVALID_VALUE;
    if (CUresult wrong = readImage(path, text)) return wrong;
    if (type != inputPtx) return CUDA_ERROR_NO_BINARY_FOR_GPU;
    text.resize(std::strlen(text.c_str()));
    return addText(context, state, std::move(text), path);
  });
}

/// The image belongs to the state and goes with it.
VCUDA_API CUresult cuLinkComplete(CUlinkState handle, void **image, size_t *bytes) {
  return onState(handle, [&](Context &context, LinkState &state) -> CUresult {
    if (!image || state.texts.empty()) return CUDA_ERROR_INVALID_VALUE;
    if (state.image.empty()) {
      std::string error, text = joined(state.texts, error);
      if (!error.empty()) {
        state.jit.report("", error + "\n", 0);
        return CUDA_ERROR_INVALID_PTX;
      }
      std::shared_ptr<const Module> parsed;
      if (CUresult wrong = loadImage(text.c_str(), state.jit, {&context.device}, "linked", parsed))
        return wrong;
      state.image = std::move(text) + '\0';
    }
    *image = state.image.data();
    if (bytes) *bytes = state.image.size();
    return CUDA_SUCCESS;
  });
}

VCUDA_API CUresult cuLinkDestroy(CUlinkState handle) {
  return api(
      [&]() -> CUresult { return driver().links.remove(handle) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE; });
}
