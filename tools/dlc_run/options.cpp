#include "tools/dlc_run/options.h"

#include "dlc/runtime.h"

#include <CLI/CLI.hpp>

#include <charconv>
#include <cstdio>

namespace dlc::run {

// "batch=4"
static std::pair<std::string, int64_t> parseDim(const std::string &text) {
  size_t equals = text.rfind('=');
  int64_t value = 0;
  if (equals != std::string::npos && equals > 0) {
    auto [end, error] = std::from_chars(text.data() + equals + 1, text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size()) return {text.substr(0, equals), value};
  }
  throw CLI::ValidationError("--dim", "'" + text + "' is not NAME=NUMBER");
}

// Numbers from `least` on; CLI11's own range check prints bounds like 1.79769e+308.
template <class Number> static CLI::Validator from(Number least, const char *kind) {
  return CLI::Validator(
      [=](const std::string &text) -> std::string {
        Number value{};
        auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        bool isGood = error == std::errc() && end == text.data() + text.size() && value >= least;
        return isGood ? "" : "'" + text + "' is not " + kind;
      },
      "");
}

std::optional<int> parseOptions(int argc, char **argv, Options &options) {
  CLI::App app("Runs an artifact of dlc on the GPU, or on the virtual one if asked for.\n"
               "Exit status: 0 done (and equal), 1 refused or failed, 2 outputs differ.",
               "dlc-run");
  app.set_version_flag("--version", std::string("dlc-run ") + dlc_version());
  app.add_option("artifact", options.artifact, "model.ptx")->required();
  app.add_option("--device", options.device, "cuda (default), vcuda, or auto: the GPU if there is one")
      ->check(CLI::IsMember({"cuda", "vcuda", "auto"}));
  app.add_option("--device-index", options.ordinal, "which of several devices")
      ->check(from(0, "a number from 0 on"));
  app.add_option("--weights", options.weights, "weights file, if not beside the artifact");
  auto *inputs = app.add_option("--inputs", options.inputs, "inputs by name, .npz");
  auto *seed = app.add_option("--seed", options.seed, "seed of random inputs (default 0)")
                   ->check(from(uint64_t(0), "a number from 0 on"))
                   ->excludes(inputs);
  std::vector<std::string> dims;
  app.add_option("--dim", dims, "NAME=VALUE for random inputs; a dim not named takes its smallest value")
      ->allow_extra_args(false)
      ->excludes(inputs);
  auto *save = app.add_option("--save", options.save, "write the outputs, .npz");
  auto *compare = app.add_option("--compare", options.compare, "compare the outputs with these, .npz");
  app.add_option("--rtol", options.rtol, "relative tolerance (default 1e-5)")
      ->check(from(0.0, "a tolerance, a number from 0 on"));
  app.add_option("--atol", options.atol, "absolute tolerance (default 1e-8)")
      ->check(from(0.0, "a tolerance, a number from 0 on"));
  auto *kernels =
      app.add_option("--compare-kernels", options.compareKernels,
                     "run each op on the operands in FOLDER/<op>.npz (dlc --save-values) and compare its "
                     "results; a difference is relative to the result's largest value");
  app.add_option("--baseline", options.baseline,
                 "with --compare-kernels: a second folder; results may be 4 times as far off as its, plus "
                 "1e-5 (16 bits: one rounding) of "
                 "the largest value")
      ->needs(kernels);
  kernels->excludes(compare, save, seed); // operands come from the folder; the model's outputs are not made
  auto *bench = app.add_flag("--bench", options.bench, "measure the time of a run")->excludes(kernels);
  app.add_option("--iterations", options.iterations, "runs to measure")
      ->needs(bench)
      ->check(from(1, "a whole number from 1 on"));
  app.add_option("--json", options.json, "write what happened to a file");
  app.add_option("--counters", options.counters, "write the virtual GPU's counters to a file, JSON");
  app.add_flag("--inspect", options.inspect, "show what is in the artifact, run nothing");
  app.add_flag("--edited", options.edited, "take an artifact that was edited by hand");
  app.add_flag("--verify", options.verify, "check the digest of the whole weights file");
  auto *sync =
      app.add_flag("--sync", options.sync, "wait after every launch, so that a failure names its kernel");
  app.add_flag("--graph", options.graph, "launch through one CUDA graph")->excludes(sync);
  try {
    app.parse(argc, argv);
    for (const std::string &dim : dims) options.dims.push_back(parseDim(dim));
    return std::nullopt;
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() == 0) return app.exit(error); // help, version
    std::fprintf(stderr, "dlc-run: error: %s\n  help: `dlc-run --help` lists what there is\n", error.what());
    return 1;
  }
}

} // namespace dlc::run
