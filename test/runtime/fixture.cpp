#include "test/runtime/fixture.h"

#include "runtime/sha256.h"

#include <cstring>
#include <fstream>
#include <sstream>

namespace dlc::test {

std::string fixturePath(const std::string &name) { return std::string(DLC_FIXTURES) + "/" + name; }

std::string readFixture(const std::string &name) {
  std::ifstream file(fixturePath(name), std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

std::string exampleKernels() { return readFixture("example.kernels.ptx"); }

nlohmann::json examplePlan() {
  std::istringstream lines(readFixture("example.ptx"));
  std::string line, text;
  bool isInside = false;
  while (std::getline(lines, line)) {
    bool isMarker = line.rfind("//!dlc-plan", 0) == 0;
    if (isInside && !isMarker) text += line.substr(2) + "\n";
    if (isMarker) isInside = !isInside;
  }
  return nlohmann::json::parse(text);
}

std::string makeArtifact(const std::string &ptx, const std::string &plan) {
  std::string head = ptx + "\n//!dlc-plan 1 begin\n";
  std::istringstream lines(plan);
  for (std::string line; std::getline(lines, line);) head += "//" + line + "\n";
  return head + "//!dlc-plan 1 end sha256:" + rt::hexText(rt::sha256(head.data(), head.size())) + "\n";
}

std::string makeWeights(const std::string &header, const std::string &data) {
  std::string text = header;
  while ((8 + text.size()) % 256 != 0) text += ' ';
  std::string file(8, '\0');
  for (int i = 0; i < 8; ++i) file[size_t(i)] = char(text.size() >> (8 * i));
  return file + text + data;
}

dlc_load_options exampleOptions() {
  static const std::string weights = readFixture("example.ptx.safetensors");
  dlc_load_options options;
  dlc_load_options_init(&options);
  options.weights_data = weights.data();
  options.weights_bytes = weights.size();
  return options;
}

LoadedModule::LoadedModule(const std::string &artifact, dlc_load_options options)
    : status(dlc_module_load_memory(artifact.data(), artifact.size(), &options, &module)) {}

std::vector<float> exampleInput(int batch) {
  std::vector<float> x(size_t(batch) * 8);
  for (size_t i = 0; i < x.size(); ++i) x[i] = float(int(i * 7 % 13) - 6) / 4;
  return x;
}

std::vector<float> exampleResult(const std::vector<float> &x) {
  std::vector<float> y(x.size() / 8);
  for (size_t i = 0; i < x.size(); ++i) {
    float column = float(i % 8);
    y[i / 8] += x[i] * (0.5f + column) + (-1.0f - 0.25f * column);
  }
  return y;
}

} // namespace dlc::test
