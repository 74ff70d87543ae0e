// dlc-run: runs an artifact, compares, measures.
#include "runtime/failure.h"
#include "tools/dlc_run/compare.h"
#include "tools/dlc_run/compare_kernels.h"
#include "tools/dlc_run/options.h"
#include "tools/dlc_run/output.h"
#include "tools/dlc_run/session.h"
#include "tools/inspect/inspect.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <new>

using namespace dlc;
using namespace dlc::run;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;

static double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// JSON has no infinity: such numbers are written as text.
static Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(std::isnan(value) ? "nan" : "inf");
}

static std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += rt::concat(i ? ", " : "", shape[i]);
  return text + "]";
}

// Whether the outputs are those of the file, element by element.
static bool compareOutputs(const Options &options, const std::vector<HostTensor> &outputs, Json &report) {
  auto arrays = readArrays(options.compare);
  bool isEqual = true;
  for (const HostTensor &ours : outputs) {
    auto found = arrays.find(ours.name);
    if (found == arrays.end())
      rt::fail(DLC_ERROR_INVALID_ARGUMENT,
               rt::concat(rt::inQuotes(options.compare), " has no array ", rt::inQuotes(ours.name)));
    if (found->second.dims != ours.shape) {
      std::printf("%s: shape %s, expected %s: DIFFERS\n", ours.name.c_str(), shapeText(ours.shape).c_str(),
                  shapeText(found->second.dims).c_str());
      report[ours.name] = {{"ok", false}, {"shape", ours.shape}, {"expected_shape", found->second.dims}};
      isEqual = false;
      continue;
    }
    HostTensor theirs = convertArray(ours.name, found->second, ours.dtype);
    Difference difference = run::compare(ours, theirs, options.rtol, options.atol);
    bool isGood = difference.over == 0;
    isEqual &= isGood;
    std::printf("%s: largest error %.3g, largest value %.3g, %lld of %lld elements over: %s\n",
                ours.name.c_str(), difference.largestError, difference.largestReference,
                (long long)difference.over, (long long)difference.elements, isGood ? "equal" : "DIFFERS");
    report[ours.name] = {
        {"ok", isGood},
        {"max_error", number(difference.largestError)},
        {"max_reference", number(difference.largestReference)},
        {"rms_error", std::sqrt(difference.errorSquares / double(std::max<int64_t>(difference.elements, 1)))},
        {"over", difference.over},
        {"elements", difference.elements}};
  }
  return isEqual;
}

// Times of runs on tensors that are on the device already.
static void measure(Session &session, Json &report) {
  rt::Context &context = *session.context;
  context.useOwnTensors();
  auto runOnce = [&] {
    Clock::time_point start = Clock::now();
    context.issueOp(-1);
    context.synchronize();
    return secondsSince(start);
  };
  double first = runOnce();
  int count = session.options.iterations;
  if (count == 0) count = int(std::clamp(1.0 / std::max(first, 1e-6), 3.0, 1000.0));
  std::vector<double> times;
  for (int i = 0; i < count; ++i) times.push_back(runOnce());
  Clock::time_point start = Clock::now();
  for (int i = 0; i < count; ++i) context.issueOp(-1);
  context.synchronize();
  double backToBack = secondsSince(start) / count;
  std::sort(times.begin(), times.end());
  report = {{"iterations", count},
            {"median_s", times[times.size() / 2]},
            {"min_s", times.front()},
            {"max_s", times.back()},
            {"back_to_back_s", backToBack}};
  std::printf("%d runs: median %.3f ms, best %.3f ms, worst %.3f ms; back to back %.3f ms each\n", count,
              1e3 * times[times.size() / 2], 1e3 * times.front(), 1e3 * times.back(), 1e3 * backToBack);
}

static Json describeRun(Session &session) {
  const rt::Plan &plan = session.plan();
  const rt::BoundPlan &bound = session.context->plan();
  Json dims = Json::object();
  for (size_t i = 0; i < plan.symbols.size(); ++i)
    dims[plan.symbols[i].name.c_str()] = bound.slots[plan.symbolSlot(i)];
  return {{"dims", dims},
          {"launches", bound.steps.size()},
          {"memory",
           {{"weights", plan.weights.isPresent ? session.module->weights.dataBytes() : 0},
            {"arena", bound.arenaBytes},
            {"zeroed", bound.zeroedBytes}}}};
}

// Runs, saves, compares and measures. Returns the exit status.
static int runModel(Session &session, Json &report) {
  const Options &options = session.options;
  const rt::Plan &plan = session.plan();
  std::vector<HostTensor> inputs = options.inputs.empty()
                                       ? randomInputs(plan, choicesOf(plan, options.dims), options.seed)
                                       : readInputs(plan, options.inputs);
  Clock::time_point start = Clock::now();
  std::vector<HostTensor> outputs = session.run(inputs);
  report["run_s"] = secondsSince(start);
  report.update(describeRun(session));
  Json shapes = Json::object();
  for (const HostTensor &output : outputs)
    shapes[output.name] = {{"dtype", dlc_dtype_name(output.dtype)}, {"shape", output.shape}};
  report["outputs"] = shapes;
  std::printf("ran on %s in %.3f s: %s", session.deviceText().c_str(), report["run_s"].get<double>(),
              rt::counted(session.context->plan().steps.size(), "launch", "launches").c_str());
  for (const HostTensor &output : outputs)
    std::printf(", %s %s%s", output.name.c_str(), dlc_dtype_name(output.dtype),
                shapeText(output.shape).c_str());
  std::printf("\n");
  if (!options.save.empty()) saveTensors(options.save, outputs);
  bool isEqual = options.compare.empty() || compareOutputs(options, outputs, report["compare"]);
  if (options.bench) measure(session, report["bench"]);
  return isEqual ? 0 : 2;
}

// Whatever the virtual GPU found wrong makes the run a failure.
static int addFindings(Session &session, Json &report, int status) {
  size_t count = session.findingCount();
  if (!session.isVirtual) return status;
  report["findings"] = count;
  if (count == 0) return status;
  report["finding_list"] = Json::parse(session.findings(), nullptr, false);
  std::fprintf(stderr, "dlc-run: error: the virtual GPU has %zu findings\n%s\n", count,
               session.findings().c_str());
  return 1;
}

// Everything but inspection; `report` says what happened, also when it throws. While `mayReport` is false,
// the report must not be written.
static int workOn(const Options &options, Json &report, bool &mayReport) {
  checkOutputs(options);
  mayReport = true;
  Clock::time_point start = Clock::now();
  Session session(options);
  mayReport = false;
  if (options.weights.empty() && session.plan().weights.isPresent)
    checkOutputsSpare(options, rt::concat(rt::folderOf(options.artifact), "/", session.plan().weights.file));
  mayReport = true;
  report["artifact"] = session.module->hash.c_str();
  report["device"] = session.deviceText();
  report["load_s"] = secondsSince(start);
  if (!options.counters.empty()) session.startCounters();
  int status = 0;
  try {
    status = options.compareKernels.empty() ? runModel(session, report)
                                            : (compareKernels(session, report["kernels"]) ? 0 : 2);
  } catch (const rt::Failure &) {
    addFindings(session, report, 1);
    throw;
  }
  status = addFindings(session, report, status);
  if (!options.counters.empty()) writeText(options.counters, session.counters());
  return status;
}

static int work(const Options &options) {
  if (options.inspect) {
    std::fputs(inspect::describeArtifact(options.artifact, false).c_str(), stdout);
    return 0;
  }
  Json report;
  auto finish = [&](int status) {
    report["status"] = status;
    if (!options.json.empty())
      writeText(options.json, report.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
    return status;
  };
  bool mayReport = false;
  try {
    return finish(workOn(options, report, mayReport));
  } catch (const rt::Failure &failure) {
    report["error"] = failure.message;
    if (mayReport) finish(1);
    throw;
  }
}

// The exit status, once all that was printed has arrived.
static int finish(int status) {
  std::cout.flush();
  if (std::fflush(stdout) == 0 && !std::ferror(stdout) && std::cout) return status;
  std::fprintf(stderr, "dlc-run: error: cannot write to standard output\n");
  return 1;
}

int main(int argc, char **argv) {
  std::signal(SIGXFSZ, SIG_IGN); // a file past the limit of `ulimit -f` is an error of its write
  Options options;
  if (auto status = parseOptions(argc, argv, options)) return finish(*status);
  try {
    return finish(work(options));
  } catch (const rt::Failure &failure) {
    std::fflush(stdout);
    std::fprintf(stderr, "dlc-run: error: %s\n", failure.message.c_str());
    if (!failure.help.empty()) std::fprintf(stderr, "  help: %s\n", failure.help.c_str());
  } catch (const std::bad_alloc &) {
    std::fprintf(stderr, "dlc-run: error: no host memory\n  help: choose smaller dims\n");
  } catch (const std::exception &error) {
    std::fprintf(stderr, "dlc-run: error: %s\n  help: this is a bug in dlc-run: report it\n", error.what());
  }
  return 1;
}
