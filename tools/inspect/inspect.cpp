#include "tools/inspect/inspect.h"

#include "runtime/artifact.h"
#include "runtime/failure.h"
#include "runtime/file.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

namespace dlc::inspect {

using namespace dlc::rt;
using Json = nlohmann::ordered_json;

namespace {

/// Describes one plan as JSON; the text for people is made from that.
class Description {
public:
  Description(const Plan &plan, const Digest &digest) : plan(plan), digest(digest) {}
  Json make() const;

private:
  std::string text(const Expr &expr) const { return rt::textOf(expr, plan.slotNames); }
  Json texts(const Vec<Expr> &exprs) const;
  Json values(const Vec<Value> &values) const;
  Json symbols() const;
  Json memory() const;
  Json names(const Vec<int> &buffers) const;
  Json launch(const Launch &launch) const;
  Json op(const Op &op) const;
  Json kernels() const;
  std::string base(const Buffer &buffer) const;
  Json buffers() const;
  size_t outputCopies() const;
  size_t launches() const;

  const Plan &plan;
  const Digest &digest;
};

} // namespace

static Json strings(const Vec<String> &list) {
  Json result = Json::array();
  for (const String &entry : list) result.push_back(entry.c_str());
  return result;
}

Json Description::texts(const Vec<Expr> &exprs) const {
  Json result = Json::array();
  for (const Expr &expr : exprs) result.push_back(text(expr));
  return result;
}

Json Description::values(const Vec<Value> &list) const {
  Json result = Json::array();
  for (const Value &value : list)
    result.push_back({{"name", value.name.c_str()},
                      {"dtype", std::string(dtypeRows[value.dtype].name)},
                      {"dims", texts(value.dims)},
                      {"buffer", plan.buffers[size_t(value.buffer)].name.c_str()}});
  return result;
}

Json Description::symbols() const {
  Json result = Json::array();
  for (const Symbol &symbol : plan.symbols)
    result.push_back({{"name", symbol.name.c_str()},
                      {"min", symbol.min},
                      {"max", symbol.max},
                      {"multiple", symbol.multiple},
                      {"origins", strings(symbol.origins)}});
  return result;
}

Json Description::memory() const {
  uint64_t weights = 0;
  for (const WeightTensor &tensor : plan.weights.tensors) {
    uint64_t bytes = sizeOf(tensor.dtype);
    for (int64_t dim : tensor.dims) bytes *= uint64_t(dim);
    weights += bytes;
  }
  return {{"weights", weights}, {"arena", text(plan.arena)}, {"zeroed", text(plan.zeroed)}};
}

Json Description::names(const Vec<int> &list) const {
  Json result = Json::array();
  for (int buffer : list) result.push_back(plan.buffers[size_t(buffer)].name.c_str());
  return result;
}

Json Description::launch(const Launch &launch) const {
  Json grid = Json::array();
  for (const Expr &expr : launch.grid) grid.push_back(text(expr));
  return {{"kernel", plan.kernels[size_t(launch.kernel)].name.c_str()},
          {"grid", grid},
          {"block", {launch.block[0], launch.block[1], launch.block[2]}},
          {"shared", text(launch.shared)}};
}

Json Description::op(const Op &op) const {
  static const char *const kinds[] = {"run", "copy", "set"};
  Json result = {{"kind", kinds[size_t(op.kind)]},
                 {"name", op.name.c_str()},
                 {"nodes", strings(op.nodes)},
                 {"deps", Json(std::vector<int>(op.deps.begin(), op.deps.end()))}};
  if (op.kind != OpKind::Run) {
    if (op.kind == OpKind::Copy) result["from"] = plan.buffers[size_t(op.from)].name.c_str();
    result["to"] = plan.buffers[size_t(op.to)].name.c_str();
    return result;
  }
  result["operands"] = names(op.operands);
  result["results"] = names(op.results);
  result["scratch"] = names(op.scratch);
  result["variants"] = Json::array();
  for (const Variant &variant : op.variants) {
    Json when = Json::array(), launches = Json::array();
    for (const Condition &condition : variant.when) when.push_back(rt::textOf(condition, plan.slotNames));
    for (const Launch &entry : variant.launches) launches.push_back(launch(entry));
    result["variants"].push_back(
        {{"when", when}, {"schedule", variant.schedule.c_str()}, {"launches", launches}});
  }
  return result;
}

Json Description::kernels() const {
  Json result = Json::array();
  for (size_t i = 0; i < plan.kernels.size(); ++i) {
    const Kernel &kernel = plan.kernels[i];
    std::set<std::string> nodes, ops;
    for (const Op &op : plan.ops)
      for (const Variant &variant : op.variants)
        for (const Launch &launch : variant.launches)
          if (size_t(launch.kernel) == i) {
            nodes.insert(op.nodes.begin(), op.nodes.end());
            ops.insert(std::string(op.name));
          }
    Json entry = {
        {"name", kernel.name.c_str()}, {"threads", kernel.threads}, {"static_shared", kernel.staticShared}};
    if (kernel.registers) entry["registers"] = kernel.registers;
    entry["ops"] = ops;
    entry["nodes"] = nodes;
    result.push_back(std::move(entry));
  }
  return result;
}

std::string Description::base(const Buffer &buffer) const {
  switch (buffer.base) {
  case Base::Input:
    return concat("input ", plan.inputs[size_t(buffer.index)].name);
  case Base::Output:
    return concat("output ", plan.outputs[size_t(buffer.index)].name);
  case Base::Weight:
    return concat("weight ", plan.weights.tensors[size_t(buffer.index)].name);
  case Base::Arena:
    return "arena";
  case Base::Zeroed:
    return "zeroed";
  case Base::Buffer:
    return concat("buffer ", plan.buffers[size_t(buffer.index)].name);
  }
  return "";
}

Json Description::buffers() const {
  Json result = Json::array();
  for (const Buffer &buffer : plan.buffers) {
    Json entry = {{"name", buffer.name.c_str()},
                  {"dtype", std::string(dtypeRows[buffer.dtype].name)},
                  {"dims", texts(buffer.dims)},
                  {"base", base(buffer)},
                  {"offset", text(buffer.offset)}};
    if (buffer.hasStrides) entry["strides"] = texts(buffer.strides);
    if (buffer.firstOp >= 0) entry["lifetime"] = {buffer.firstOp, buffer.lastOp};
    result.push_back(std::move(entry));
  }
  return result;
}

// Outputs that lie elsewhere are copied after the last op.
size_t Description::outputCopies() const {
  size_t count = 0;
  for (size_t i = 0; i < plan.outputs.size(); ++i) {
    const Buffer &buffer = plan.buffers[size_t(plan.outputs[i].buffer)];
    count += buffer.base != Base::Output || size_t(buffer.index) != i;
  }
  return count;
}

size_t Description::launches() const {
  size_t count = outputCopies();
  for (const Op &op : plan.ops) {
    size_t most = op.kind == OpKind::Run ? 0 : 1;
    for (const Variant &variant : op.variants) most = std::max(most, variant.launches.size());
    count += most;
  }
  return count;
}

Json Description::make() const {
  Json result = {{"hash", hexText(digest)}, {"compiler", plan.compiler.c_str()}, {"llvm", plan.llvm.c_str()}};
  result["target"] = {{"name", plan.target.name.c_str()}, {"arch", plan.target.arch.c_str()}};
  result["options"] = Json::parse(plan.options);
  result["inputs"] = values(plan.inputs);
  result["outputs"] = values(plan.outputs);
  result["symbols"] = symbols();
  result["guards"] = Json::array();
  for (const Guard &guard : plan.guards)
    result["guards"].push_back(
        {{"require", rt::textOf(guard.require, plan.slotNames)}, {"message", guard.message.c_str()}});
  result["memory"] = memory();
  result["launches"] = launches();
  result["output_copies"] = outputCopies();
  result["ops"] = Json::array();
  for (const Op &entry : plan.ops) result["ops"].push_back(op(entry));
  result["kernels"] = kernels();
  result["buffers"] = buffers();
  return result;
}

// ---- The text for people
// -----------------------------------------------------------------------------------

static std::string joined(const Json &list, const char *separator = ", ") {
  std::string text;
  for (const Json &entry : list)
    text += (text.empty() ? "" : separator) + (entry.is_string() ? entry.get<std::string>() : entry.dump());
  return text;
}

static std::string valueLines(const Json &values) {
  std::string text;
  for (const Json &value : values)
    text += concat("  ", value["name"].get<std::string>(), "  ", value["dtype"].get<std::string>(), " [",
                   joined(value["dims"]), "]\n");
  return text;
}

static std::string symbolLines(const Json &symbols) {
  std::string text;
  for (const Json &symbol : symbols) {
    int64_t multiple = symbol["multiple"];
    text += concat("  ", symbol["name"].get<std::string>(), "  ", symbol["min"].get<int64_t>(), "..",
                   symbol["max"].get<int64_t>(), multiple > 1 ? concat(", multiples of ", multiple) : "",
                   "  (", joined(symbol["origins"]), ")\n");
  }
  return text;
}

static std::string opLines(const Json &op) {
  std::string text = concat("  ", op["name"].get<std::string>(), "  ", joined(op["nodes"]), "\n");
  if (op["kind"] != "run")
    return text + concat("    ", op["kind"].get<std::string>(), " ", op.value("from", ""), " -> ",
                         op["to"].get<std::string>(), "\n");
  text += concat("    ", joined(op["operands"]), " -> ", joined(op["results"]), "\n");
  for (const Json &variant : op["variants"]) {
    std::string when = joined(variant["when"], " and ");
    text += concat("    ", when.empty() ? "always" : "if " + when, ": ",
                   variant["schedule"].get<std::string>(), "\n");
    for (const Json &launch : variant["launches"])
      text += concat("      ", launch["kernel"].get<std::string>(), "  grid [", joined(launch["grid"]),
                     "] block [", joined(launch["block"]), "] shared ", launch["shared"].get<std::string>(),
                     "\n");
  }
  return text;
}

static std::string kernelLine(const Json &kernel) {
  return concat("  ", kernel["name"].get<std::string>(), "  ", kernel["threads"].get<int64_t>(), " threads, ",
                kernel["static_shared"].get<int64_t>(), " bytes of static shared memory, ops ",
                joined(kernel["ops"]), ", nodes ", joined(kernel["nodes"]), "\n");
}

static std::string textFor(const Json &all) {
  const Json &memory = all["memory"];
  std::string text =
      concat("artifact ", all["hash"].get<std::string>(), "\nwritten by ", all["compiler"].get<std::string>(),
             ", LLVM ", all["llvm"].get<std::string>(), ", for ", all["target"]["name"].get<std::string>(),
             " (", all["target"]["arch"].get<std::string>(), ")\n");
  text += "\ninputs\n" + valueLines(all["inputs"]) + "\noutputs\n" + valueLines(all["outputs"]);
  if (!all["symbols"].empty()) text += "\nsymbols\n" + symbolLines(all["symbols"]);
  if (!all["guards"].empty()) text += "\nguards\n";
  for (const Json &guard : all["guards"])
    text +=
        concat("  ", guard["require"].get<std::string>(), "  (", guard["message"].get<std::string>(), ")\n");
  text +=
      concat("\nmemory in bytes\n  weights ", memory["weights"].get<uint64_t>(), "\n  arena ",
             memory["arena"].get<std::string>(), "\n  zeroed ", memory["zeroed"].get<std::string>(), "\n");
  text += concat("\n", counted(all["launches"].get<uint64_t>(), "launch", "launches"), "\n");
  for (const Json &op : all["ops"]) text += opLines(op);
  text += concat("\n", counted(all["kernels"].size(), "kernel", "kernels"), "\n");
  for (const Json &kernel : all["kernels"]) text += kernelLine(kernel);
  return text;
}

std::string describeArtifact(const std::string &path, bool json) {
  ArtifactText artifact = readArtifact(readFile(path));
  Plan plan = parsePlan(artifact.plan);
  matchEntries(artifact.ptx, plan);
  Json description = Description(plan, artifact.digest).make();
  if (!artifact.isIntact) description["edited"] = true;
  if (json) return description.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
  return textFor(description);
}

} // namespace dlc::inspect
