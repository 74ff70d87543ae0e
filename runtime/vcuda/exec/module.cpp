#include "runtime/vcuda/exec/decode/decoder.h"
#include "runtime/vcuda/exec/levels.h"

#include <algorithm>
#include <cstring>

using namespace dlc::vcuda;
using namespace dlc::vcuda::exec;

Module::~Module() = default;

const KernelInfo *Module::findKernel(std::string_view kernel) const {
  auto found =
      std::find_if(kernels.begin(), kernels.end(), [&](const KernelInfo &k) { return k.name == kernel; });
  return found == kernels.end() ? nullptr : &*found;
}

const Inst *Program::instructionsFor(HostLevel level) const {
  std::lock_guard lock(mutex);
  std::vector<Inst> &copy = bound[size_t(level)];
  if (copy.empty()) {
    copy = code.instructions;
    for (Inst &inst : copy) inst.run = coreLevel(level).selectHandler(inst);
  }
  return copy.data();
}

/// An instruction without a handler was accepted by the decoder in a combination of type and modifiers that
/// does not exist.
static void requireHandlers(const Code &code, std::vector<Diagnostic> &errors) {
  for (const Inst &inst : code.instructions) {
    if (errors.size() >= 20) return;
    if (!coreLevel(HostLevel::Baseline).selectHandler(inst))
      errors.push_back({inst.line, "this combination of instruction, type and modifiers is not supported"});
  }
}

ParseResult dlc::vcuda::parseModule(std::string_view text, std::string_view name) {
  ParseResult result;
  ptx::SyntaxResult syntax = ptx::parseSyntax(text);
  result.errors = std::move(syntax.errors);
  if (!result.errors.empty()) return result;
  auto module = std::make_shared<Module>();
  auto program = std::make_unique<Program>();
  module->name = name;
  module->ptxVersion = syntax.module.version;
  module->target = syntax.module.target;
  module->smVersion = syntax.module.smVersion;
  module->kernels = syntax.module.kernels;
  module->variables = syntax.module.variables;
  module->constantBankBytes = syntax.module.constantBankBytes;
  for (const ptx::Function &f : syntax.module.functions) module->functions.push_back(f.name);
  Decoder(syntax.module, program->code, result.errors).run(module->kernels);
  if (result.errors.empty()) requireHandlers(program->code, result.errors);
  if (!result.errors.empty()) {
    std::sort(result.errors.begin(), result.errors.end(), [](const Diagnostic &a, const Diagnostic &b) {
      return a.line != b.line ? a.line < b.line : a.message < b.message;
    });
    return result;
  }
  module->program = std::move(program);
  result.module = std::move(module);
  return result;
}

void dlc::vcuda::initialiseModule(const ModuleInstance &instance, GlobalMemory &memory) {
  const Module &module = *instance.module;
  for (size_t v = 0; v < module.variables.size(); ++v) {
    const VariableInfo &variable = module.variables[v];
    uint64_t offset = instance.variables[v] - memory.base;
    std::vector<uint8_t> bytes = variable.initial;
    bytes.resize(variable.bytes);
    for (const Relocation &r : variable.relocations) {
      uint64_t value =
          r.isFunction ? FunctionWindow + 16 * (uint64_t(r.target) + 1) : instance.variables[r.target];
      value += uint64_t(r.addend);
      std::memcpy(bytes.data() + r.offset, &value, r.width);
    }
    if (bytes.empty()) continue;
    std::memcpy(memory.bytes + offset, bytes.data(), bytes.size());
    std::memset(memory.state + offset, ByteReady, bytes.size());
  }
}
