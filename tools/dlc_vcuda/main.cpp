// dlc-vcuda: one kernel of a PTX file, by hand, on the virtual GPU. See runtime/vcuda/README.md.
#include "tools/dlc_vcuda/arguments.h"
#include "tools/dlc_vcuda/driver.h"
#include "tools/dlc_vcuda/refusal.h"
#include "tools/dlc_vcuda/report.h"
#include "tools/files/files.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace dlc::vcuda_tool;

namespace {

struct Options {
  std::string ptx, kernel, grid = "1", block = "1";
  std::vector<std::string> arguments;
  unsigned shared = 0;
  bool cooperative = false, lines = false;
  std::string device, checks, schedule, maxInstructions; ///< empty: as the environment says
  std::string save, json;
};

/// "4", "4,2" or "4,2,1".
Shape3 parseShape(const char *option, const std::string &text) {
  Shape3 shape;
  char rest = 0;
  unsigned values[3] = {1, 1, 1};
  std::istringstream stream(text);
  bool good = bool(stream >> values[0]);
  for (int d = 1; d < 3 && good && stream.peek() == ','; ++d) good = bool(stream.get(rest) >> values[d]);
  if (!good || stream.peek() != EOF || text.find('-') != std::string::npos || !values[0] || !values[1] ||
      !values[2])
    throw Refusal(std::string(option) + " '" + text + "': expected X, X,Y or X,Y,Z, numbers from 1 on");
  shape.x = values[0], shape.y = values[1], shape.z = values[2];
  return shape;
}

std::string readText(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::error_code error;
  if (!file || std::filesystem::is_directory(path, error)) throw Refusal("cannot read " + path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void require(const std::string &path, const dlc::files::Problem &problem) {
  if (problem) throw Refusal("can't write '" + path + "': " + problem.why, problem.help);
}

/// Before anything runs: --save and --json can be written, and are nothing that is read.
void checkOutputs(const Options &options) {
  std::vector<std::string> inputs = {options.ptx};
  for (const std::string &text : options.arguments) {
    size_t member = text.find(".npz:");
    inputs.push_back(text.substr(0, member == std::string::npos ? member : member + 4));
  }
  for (auto [flag, path] : {std::pair("--save", options.save), std::pair("--json", options.json)}) {
    if (path.empty()) continue;
    for (const std::string &input : inputs)
      if (dlc::files::isSameFile(path, input))
        throw Refusal(std::string(flag) + " would overwrite '" + path + "', which this run reads",
                      "choose another file");
    require(path, dlc::files::checkWritable(path));
  }
  if (!options.save.empty() && !options.json.empty() && dlc::files::isSameFile(options.save, options.json))
    throw Refusal("--save and --json are the same file", "choose two files");
}

/// The environment's settings, but for what the command line says.
void chooseSettings(const Options &options) {
  for (auto [name, value] :
       {std::pair("VCUDA_DEVICE", options.device), std::pair("VCUDA_CHECKS", options.checks),
        std::pair("VCUDA_SCHEDULE", options.schedule),
        std::pair("VCUDA_MAX_INSTRUCTIONS", options.maxInstructions)})
    if (!value.empty()) setenv(name, value.c_str(), 1);
  setenv("VCUDA_DEVICE", "h200", 0); // takes the PTX of all others
  setenv("VCUDA_SUMMARY", "off", 1); // the report says it
}

std::string joined(const std::vector<std::string> &names) {
  std::string text;
  for (const std::string &name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// The kernel's parameters, buffers allocated; their addresses by argument (0 = a number).
std::vector<std::vector<char>> makeParameters(Driver &driver, const std::vector<Argument> &arguments,
                                              const std::vector<size_t> &sizes,
                                              std::vector<Address> &buffers) {
  if (arguments.size() != sizes.size())
    throw Refusal("the kernel has " + std::to_string(sizes.size()) + " parameters, " +
                  std::to_string(arguments.size()) + " arguments are given");
  std::vector<std::vector<char>> parameters;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const Argument &argument = arguments[i];
    std::vector<char> bytes = argument.value;
    buffers.push_back(0);
    if (argument.buffer) {
      const std::vector<char> &data = argument.buffer->bytes;
      buffers[i] = driver.allocate(std::max<size_t>(data.size(), 1), "arg" + std::to_string(i));
      if (argument.isWritten && !data.empty()) driver.write(buffers[i], data.data(), data.size());
      bytes.resize(sizeof(Address));
      std::memcpy(bytes.data(), &buffers[i], sizeof(Address));
    }
    if (bytes.size() != sizes[i])
      throw Refusal("argument " + std::to_string(i) + " ('" + argument.text + "') has " +
                    std::to_string(bytes.size()) + " bytes, the kernel's parameter " +
                    std::to_string(sizes[i]));
    parameters.push_back(std::move(bytes));
  }
  return parameters;
}

/// Buffers as arrays arg0, arg1, ... by the number of their argument.
void save(Driver &driver, const std::string &path, std::vector<Argument> &arguments,
          const std::vector<Address> &buffers) {
  dlc::npz::Arrays arrays;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (!buffers[i]) continue;
    dlc::npz::Array array = *arguments[i].buffer;
    if (!array.bytes.empty()) driver.read(array.bytes.data(), buffers[i], array.bytes.size());
    arrays.emplace_back("arg" + std::to_string(i), std::move(array));
  }
  require(path, dlc::files::writeWhole(path, [&](const std::string &file) {
            std::string error = dlc::npz::write(file, dlc::npz::viewsOf(arrays)); // "FILE: reason"
            return error.empty() ? error : error.substr(file.size() + 2);
          }));
}

int run(const Options &options, Json &report) {
  LaunchShape shape = {parseShape("--grid", options.grid), parseShape("--block", options.block),
                       options.shared, options.cooperative};
  std::vector<Argument> arguments;
  for (const std::string &text : options.arguments) arguments.push_back(parseArgument(text));
  std::string ptx = readText(options.ptx);
  chooseSettings(options);
  Driver driver;
  driver.setOption("counters", "on");
  if (options.lines) driver.setOption("line_counters", "on");
  driver.load(ptx, options.ptx);
  std::vector<std::string> names = driver.kernelNames();
  std::string kernel = options.kernel.empty() && names.size() == 1 ? names[0] : options.kernel;
  if (std::find(names.begin(), names.end(), kernel) == names.end())
    throw Refusal(kernel.empty() ? "which kernel? say --kernel NAME" : "there is no kernel '" + kernel + "'",
                  "the file has: " + joined(names));
  std::vector<Address> buffers;
  std::vector<std::vector<char>> parameters =
      makeParameters(driver, arguments, driver.chooseKernel(kernel), buffers);
  std::string error = driver.launch(shape, parameters);
  Json findings = Json::parse(driver.findings()), counters = Json::parse(driver.counters());
  report["findings"] = findings;
  report["counters"] = counters["kernels"];
  for (const Json &entry : counters["kernels"]) {
    std::fputs(describeCounters(entry).c_str(), stdout);
    if (options.lines) std::fputs(describeLines(entry["lines"], ptx).c_str(), stdout);
  }
  std::fputs(describeFindings(findings).c_str(), stdout);
  if (!error.empty()) report["error"] = error;
  if (!error.empty() && findings.empty()) throw Refusal("the kernel failed: " + error);
  if (error.empty() && !options.save.empty()) save(driver, options.save, arguments, buffers);
  return findings.empty() ? 0 : 2;
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Runs one kernel of a PTX file on the virtual GPU and shows what was found and counted.\n"
               "Exit status: 0 done, 1 refused, or failed without a finding, 2 findings.",
               "dlc-vcuda");
  app.add_option("ptx", options.ptx, "kernel.ptx")->required();
  app.add_option("--kernel", options.kernel, "its name; not needed if there is only one");
  app.add_option("--grid", options.grid, "CTAs: X, X,Y or X,Y,Z (default 1)");
  app.add_option("--block", options.block, "threads of a CTA (default 1)");
  app.add_option("--shared", options.shared, "bytes of dynamic shared memory");
  app.add_flag("--cooperative", options.cooperative, "the grid may synchronise");
  app.add_option("--arg", options.arguments,
                 "an argument, in order: i32:5, f32:1.5, hex:00ff, x.npy, tensors.npz:x, zeros:f32:1024, "
                 "empty:f32:64x64 (never written), random:f16:64x64:SEED")
      ->allow_extra_args(false);
  app.add_option("--save", options.save, "write all buffers afterwards, .npz: arg0, arg1, ...");
  app.add_option("--json", options.json, "write findings and counters to a file");
  app.add_flag("--lines", options.lines, "counters of the busiest PTX lines as well");
  app.add_option("--device", options.device, "a device or an architecture (default: VCUDA_DEVICE, or h200)");
  app.add_option("--checks", options.checks, "off, fast or full (default: VCUDA_CHECKS, or fast)");
  app.add_option("--schedule", options.schedule,
                 "forward, reverse, random:SEED, ahead or ahead:WARP (default: VCUDA_SCHEDULE, or forward)");
  app.add_option("--max-instructions", options.maxInstructions,
                 "per warp; 0 is no limit (default: VCUDA_MAX_INSTRUCTIONS, or 0)");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() == 0) return app.exit(error); // --help
    std::fprintf(stderr, "dlc-vcuda: error: %s\n  help: `dlc-vcuda --help` lists the options\n",
                 error.what());
    return 1;
  }
  Json report = {{"status", 1}};
  int status = 1;
  bool canReport = false;
  try {
    checkOutputs(options);
    canReport = !options.json.empty();
    status = run(options, report);
  } catch (const Refusal &refusal) {
    std::fflush(stdout);
    std::fprintf(stderr, "dlc-vcuda: error: %s\n", refusal.what());
    if (!refusal.help.empty()) std::fprintf(stderr, "  help: %s\n", refusal.help.c_str());
    if (!report.contains("error")) report["error"] = refusal.what();
  } catch (const std::bad_alloc &) { std::fprintf(stderr, "dlc-vcuda: error: no host memory\n"); }
  report["status"] = status;
  try {
    if (canReport)
      require(options.json,
              dlc::files::writeText(options.json,
                                    report.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"));
  } catch (const Refusal &refusal) {
    std::fprintf(stderr, "dlc-vcuda: error: %s\n", refusal.what());
    return 1;
  }
  return status;
}
