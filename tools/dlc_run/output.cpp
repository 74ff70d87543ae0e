#include "tools/dlc_run/output.h"

#include "runtime/failure.h"

#include <vector>

namespace dlc::run {

using rt::concat;
using rt::fail;
using rt::inQuotes;

static void require(const std::string &path, const files::Problem &problem) {
  if (problem)
    fail(DLC_ERROR_IO, concat("can't write ", inQuotes(path), ": ", problem.why), std::string(problem.help));
}

namespace {
struct Output {
  const char *flag;
  const std::string &path;
};
} // namespace

static std::vector<Output> outputsOf(const Options &options) {
  std::vector<Output> outputs;
  for (const Output &output :
       {Output{"--save", options.save}, {"--json", options.json}, {"--counters", options.counters}})
    if (!output.path.empty()) outputs.push_back(output);
  return outputs;
}

void checkOutputsSpare(const Options &options, const std::string &input) {
  for (const Output &output : outputsOf(options))
    if (!input.empty() && files::isSameFile(output.path, input))
      fail(DLC_ERROR_INVALID_ARGUMENT,
           concat(output.flag, " would overwrite ", inQuotes(output.path), ", which this run reads"),
           "choose another file");
}

void checkOutputs(const Options &options) {
  std::vector<Output> outputs = outputsOf(options);
  for (const std::string &input : {options.artifact, options.weights, options.inputs, options.compare,
                                   options.artifact + ".safetensors"})
    checkOutputsSpare(options, input);
  for (size_t i = 0; i < outputs.size(); ++i) {
    require(outputs[i].path, files::checkWritable(outputs[i].path));
    for (size_t j = 0; j < i; ++j)
      if (files::isSameFile(outputs[i].path, outputs[j].path))
        fail(DLC_ERROR_INVALID_ARGUMENT,
             concat(outputs[j].flag, " and ", outputs[i].flag, " are the same file"), "choose two files");
  }
}

void writeWhole(const std::string &path, const files::Fill &fill) {
  require(path, files::writeWhole(path, fill));
}

void writeText(const std::string &path, const std::string &text) {
  require(path, files::writeText(path, text));
}

} // namespace dlc::run
