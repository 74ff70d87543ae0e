#include "compiler/artifact/artifact.h"

#include <nlohmann/json.hpp>

namespace dlc {

using Json = nlohmann::ordered_json;

namespace {

Json expression(const DimNode &node) {
  auto nary = [&](const char *op) {
    Json list = Json::array({op});
    for (const DimNode &operand : node.operands) list.push_back(expression(operand));
    return list;
  };
  switch (node.kind) {
  case Dim::Kind::Constant:
    return node.value;
  case Dim::Kind::Symbol:
    return node.symbol;
  case Dim::Kind::Add:
    return nary("+");
  case Dim::Kind::Mul:
    return nary("*");
  case Dim::Kind::FloorDiv:
    return nary("floordiv");
  case Dim::Kind::CeilDiv:
    return nary("ceildiv");
  case Dim::Kind::Mod:
    return nary("mod");
  case Dim::Kind::Min:
    return nary("min");
  case Dim::Kind::Max:
    return nary("max");
  }
  return nullptr;
}
Json expression(const Dim &dim) { return expression(dim.tree()); }

Json dims(const std::vector<Dim> &list) {
  Json out = Json::array();
  for (const Dim &dim : list) out.push_back(expression(dim));
  return out;
}

Json conditions(const plan::Conditions &list) {
  Json out = Json::array();
  for (const Dim &dim : list) out.push_back(Json::array({"<=", 0, expression(dim)}));
  return out;
}

Json symbol(const plan::Symbol &s) {
  Json from = {{"input", s.input}, {"dim", s.dim}};
  if (s.scale != 1) from["scale"] = s.scale;
  if (s.offset != 0) from["offset"] = s.offset;
  return {{"name", s.name},         {"min", s.min}, {"max", s.max},
          {"multiple", s.multiple}, {"from", from}, {"origins", s.origins}};
}

Json port(const plan::Port &p) {
  return {{"name", p.name}, {"dtype", p.dtype}, {"dims", dims(p.dims)}, {"buffer", p.buffer}, {"align", 16}};
}

Json buffer(const plan::Buffer &b) {
  Json base;
  switch (b.base) {
  case plan::Buffer::Base::Input:
    base = {{"kind", "input"}, {"name", b.baseName}};
    break;
  case plan::Buffer::Base::Output:
    base = {{"kind", "output"}, {"name", b.baseName}};
    break;
  case plan::Buffer::Base::Weight:
    base = {{"kind", "weight"}, {"name", b.baseName}};
    break;
  case plan::Buffer::Base::Arena:
    base = {{"kind", "arena"}};
    break;
  case plan::Buffer::Base::Zeroed:
    base = {{"kind", "zeroed"}};
    break;
  }
  Json out = {{"name", b.name}, {"dtype", b.dtype}, {"dims", dims(b.dims)}, {"base", base}};
  if (b.base == plan::Buffer::Base::Arena || b.base == plan::Buffer::Base::Zeroed)
    out["offset"] = expression(b.offset);
  if (b.base == plan::Buffer::Base::Arena) out["lifetime"] = {b.first, b.last};
  out["align"] = 16;
  return out;
}

Json launch(const plan::Launch &l) {
  Json args = Json::array();
  for (const plan::Arg &arg : l.args) {
    switch (arg.kind) {
    case plan::Arg::Kind::Pointer:
      args.push_back({{"kind", "pointer"}, {"buffer", arg.buffer}});
      break;
    case plan::Arg::Kind::Dim:
      args.push_back(
          {{"kind", "dim"}, {"expr", expression(arg.expr)}, {"type", arg.bits == 64 ? "i64" : "i32"}});
      break;
    case plan::Arg::Kind::Magic:
      args.push_back({{"kind", "magic"}, {"divisor", expression(arg.expr)}});
      break;
    }
  }
  return {{"kernel", l.kernel},
          {"grid", dims(l.grid)},
          {"block", {l.threads, 1, 1}},
          {"shared", expression(l.sharedBytes)},
          {"args", args}};
}

Json op(const plan::Op &o) {
  Json variants = Json::array();
  for (const plan::Variant &v : o.variants) {
    Json launches = Json::array();
    for (const plan::Launch &l : v.launches) launches.push_back(launch(l));
    variants.push_back({{"when", conditions(v.when)}, {"schedule", v.schedule}, {"launches", launches}});
  }
  Json out = {{"kind", "run"},  {"name", o.name},         {"nodes", o.nodes},
              {"deps", o.deps}, {"operands", o.operands}, {"results", o.results}};
  if (!o.scratch.empty()) out["scratch"] = o.scratch;
  out["variants"] = variants;
  return out;
}

template <typename T, typename F> Json list(const std::vector<T> &from, F convert) {
  Json out = Json::array();
  for (const T &item : from) out.push_back(convert(item));
  return out;
}

std::string ascii(const Json &json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
}

} // namespace

std::string planText(const plan::Plan &plan, const ArtifactInfo &info, const std::string &weights) {
  Json document;
  document["format"] = 1;
  document["compiler"] = "dlc " DLC_VERSION;
  document["llvm"] = DLC_LLVM_VERSION;
  document["target"] = {{"name", info.target->name},
                        {"arch", info.arch},
                        {"sms", info.target->sms},
                        {"shared_per_block", info.target->sharedPerBlockOptin}};
  document["options"] = Json::object();
  for (auto &[name, value] : info.options) document["options"][name] = value;
  document["symbols"] = list(plan.symbols, symbol);
  if (!plan.guards.empty())
    document["guards"] = list(plan.guards, [](const plan::Guard &g) {
      return Json{{"require", {"==", expression(g.lhs), expression(g.rhs)}}, {"message", g.message}};
    });
  document["inputs"] = list(plan.inputs, port);
  document["outputs"] = list(plan.outputs, port);
  if (!weights.empty()) {
    Json described = Json::parse(weights);
    described["tensors"] = list(plan.weights, [](const plan::Weight &w) {
      return Json{{"name", w.name}, {"dtype", w.dtype}, {"dims", w.dims}};
    });
    document["weights"] = described;
  }
  document["memory"] = {{"arena", expression(plan.arenaBytes)}, {"zeroed", expression(plan.zeroedBytes)}};
  document["buffers"] = list(plan.buffers, buffer);
  document["kernels"] = Json::object();
  for (auto &[name, kernel] : plan.kernels)
    document["kernels"][name] = {{"threads", kernel.threads}, {"static_shared", kernel.staticShared}};
  document["ops"] = list(plan.ops, op);

  std::string text = "{";
  bool firstKey = true;
  for (auto &[key, value] : document.items()) {
    text += (firstKey ? "\"" : ",\n\"") + key + "\": ";
    firstKey = false;
    if (!value.is_array()) {
      text += ascii(value);
      continue;
    }
    text += "[";
    for (size_t i = 0; i < value.size(); ++i) text += (i ? ",\n " : "\n ") + ascii(value[i]);
    text += "]";
  }
  return text + "}";
}

} // namespace dlc
