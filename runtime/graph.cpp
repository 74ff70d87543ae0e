#include "runtime/graph.h"

#include <algorithm>

namespace dlc::rt {

namespace {

CuKernelNode kernelNode(CuFunction function, const BoundLaunch &launch, void **parameters) {
  CuKernelNode node{};
  node.function = function;
  std::copy_n(launch.grid, 3, node.grid);
  std::copy_n(launch.block, 3, node.block);
  node.shared = launch.shared;
  node.parameters = parameters;
  return node;
}

CuCopy copyNode(CuAddress to, CuAddress from, uint64_t bytes) {
  CuCopy node{};
  node.fromKind = node.toKind = cuMemoryDevice;
  node.from = from, node.to = to;
  node.width = bytes, node.height = node.depth = 1;
  return node;
}

CuFillNode fillNode(CuAddress to, uint32_t value, unsigned width, uint64_t count) {
  return {to, 0, value, width, count, 1};
}

/// The longest list of arguments among the variants' launches number `index`.
size_t mostWords(const Op &op, size_t index) {
  size_t most = 0;
  for (const Variant &variant : op.variants)
    if (index < variant.launches.size()) most = std::max(most, variant.launches[index].args.size());
  return most;
}

bool isSame(const BoundLaunch &a, const BoundLaunch &b) {
  return a.kernel == b.kernel && std::equal(a.grid, a.grid + 3, b.grid) &&
         std::equal(a.block, a.block + 3, b.block) && a.shared == b.shared;
}

} // namespace

Graph::Graph(const Plan &plan, DeviceState &device, const dlc_device_allocator &allocator)
    : device(device), spare(device.driver, allocator, 512, "the graph's unused copies") {
  const Driver &driver = device.driver;
  if (!driver.hasGraphs())
    fail(DLC_ERROR_NO_DRIVER, "the CUDA driver has no graphs whose nodes can be disabled",
         "update the NVIDIA driver, or create the context without DLC_CONTEXT_GRAPH");
  try {
    expectSuccess(driver, driver.graphCreate(&graph, 0), "can't create a graph");
    build(plan);
    expectSuccess(driver, driver.graphInstantiate(&exec, graph, 0), "can't instantiate the graph");
    for (Node &node : nodes)
      expectSuccess(driver, driver.graphNodeEnable(exec, node.handle, 0),
                    "can't disable a node of the graph");
  } catch (...) {
    destroy();
    throw;
  }
}

Graph::~Graph() { destroy(); }

void Graph::destroy() noexcept {
  if (exec) device.driver.graphExecDestroy(exec);
  if (graph) device.driver.graphDestroy(graph);
}

void Graph::addKernels(const Op &op, Vec<CuGraphNode> &after) {
  size_t count = 0;
  for (const Variant &variant : op.variants) count = std::max(count, variant.launches.size());
  for (size_t i = 0; i < count; ++i) {
    auto has = [&](const Variant &variant) { return i < variant.launches.size(); };
    const Launch &any = std::find_if(op.variants.begin(), op.variants.end(), has)->launches[i];
    BoundLaunch launch;
    std::fill_n(launch.grid, 3, 1);
    std::copy_n(any.block, 3, launch.block);
    nodes.emplace_back();
    nodes.back().words.resize(mostWords(op, i));
    Vec<uint64_t> zeros(any.args.size());
    Vec<void *> parameters(zeros.size());
    for (size_t k = 0; k < zeros.size(); ++k) parameters[k] = &zeros[k];
    CuKernelNode node = kernelNode(device.functions[size_t(any.kernel)], launch, parameters.data());
    expectSuccess(
        device.driver,
        device.driver.graphAddKernel(&nodes.back().handle, graph, after.data(), after.size(), &node),
        concat("can't add ", describe(op), " to the graph"));
    after.assign(1, nodes.back().handle);
  }
}

void Graph::addTransfer(OpKind kind, Vec<CuGraphNode> &after) {
  nodes.emplace_back();
  CuGraphNode *handle = &nodes.back().handle;
  CuResult result;
  if (kind == OpKind::Set) {
    CuFillNode node = fillNode(spare.address(), 0, 1, 1);
    result = device.driver.graphAddFill(handle, graph, after.data(), after.size(), &node, device.context);
  } else {
    CuCopy node = copyNode(spare.address(), spare.address() + 256, 1);
    result = device.driver.graphAddCopy(handle, graph, after.data(), after.size(), &node, device.context);
  }
  expectSuccess(device.driver, result, "can't add a copy or a set to the graph");
  after.assign(1, *handle);
}

void Graph::build(const Plan &plan) {
  Vec<Vec<CuGraphNode>> last(plan.ops.size()); // what the ops behind an op wait for
  Vec<bool> isSink(plan.ops.size(), true);
  for (size_t i = 0; i < plan.ops.size(); ++i) {
    const Op &op = plan.ops[i];
    Vec<CuGraphNode> after;
    for (int dep : op.deps) {
      isSink[size_t(dep)] = false;
      for (CuGraphNode node : last[size_t(dep)])
        if (std::find(after.begin(), after.end(), node) == after.end()) after.push_back(node);
    }
    firstNode.push_back(uint32_t(nodes.size()));
    if (op.kind == OpKind::Run)
      addKernels(op, after);
    else
      addTransfer(op.kind, after);
    last[i] = std::move(after);
  }
  Vec<CuGraphNode> sinks;
  for (size_t i = 0; i < last.size(); ++i)
    if (isSink[i])
      for (CuGraphNode node : last[i])
        if (std::find(sinks.begin(), sinks.end(), node) == sinks.end()) sinks.push_back(node);
  firstNode.push_back(uint32_t(nodes.size()));
  for (size_t i = 0; i < plan.outputs.size(); ++i) {
    Vec<CuGraphNode> after = sinks;
    addTransfer(OpKind::Copy, after);
  }
}

// ---- Updates
// ------------------------------------------------------------------------------------------------

void Graph::begin() {
  for (Node &node : nodes) node.isWanted = false;
}

Graph::Node &Graph::nodeOf(const BoundStep &step) {
  if (step.op < 0) return nodes[firstNode.back() + size_t(step.output)];
  return nodes[firstNode[size_t(step.op)] + step.number];
}

// `updated`: how telling the driver went.
CuResult Graph::want(Node &node, CuResult updated) {
  node.isKnown = updated == 0;
  if (updated != 0) return updated;
  node.isWanted = true;
  if (node.isEnabled) return 0;
  CuResult result = device.driver.graphNodeEnable(exec, node.handle, 1);
  node.isEnabled = result == 0;
  return result;
}

CuResult Graph::setKernel(const BoundStep &step, const uint64_t *words, void **parameters) {
  Node &node = nodeOf(step);
  const BoundLaunch &launch = step.launch;
  if (node.isKnown && isSame(node.launch, launch) &&
      std::equal(words, words + launch.wordCount, node.words.begin()))
    return want(node, 0);
  CuKernelNode params = kernelNode(device.functions[size_t(launch.kernel)], launch, parameters);
  node.launch = launch;
  std::copy_n(words, launch.wordCount, node.words.begin());
  return want(node, device.driver.graphSetKernel(exec, node.handle, &params));
}

CuResult Graph::setCopy(const BoundStep &step, CuAddress to, CuAddress from, uint64_t bytes) {
  Node &node = nodeOf(step);
  if (node.isKnown && node.to == to && node.from == from && node.count == bytes) return want(node, 0);
  CuCopy params = copyNode(to, from, bytes);
  node.to = to, node.from = from, node.count = bytes;
  return want(node, device.driver.graphSetCopy(exec, node.handle, &params, device.context));
}

CuResult Graph::setFill(const BoundStep &step, CuAddress to, uint32_t value, unsigned width, uint64_t count) {
  Node &node = nodeOf(step);
  if (node.isKnown && node.to == to && node.count == count) return want(node, 0); // the op has one pattern
  CuFillNode params = fillNode(to, value, width, count);
  node.to = to, node.count = count;
  return want(node, device.driver.graphSetFill(exec, node.handle, &params, device.context));
}

CuResult Graph::end() {
  for (Node &node : nodes) {
    if (node.isWanted || !node.isEnabled) continue;
    if (CuResult result = device.driver.graphNodeEnable(exec, node.handle, 0)) return result;
    node.isEnabled = false;
  }
  return 0;
}

} // namespace dlc::rt
