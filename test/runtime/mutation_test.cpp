// Seeded damage to the plan and to the weights' header, with digests made right again so that it reaches the
// parsers: a status or success, and no report of a sanitizer.
#include "runtime/sha256.h"
#include "test/runtime/fake.h"
#include "test/runtime/fixture.h"

#include <gtest/gtest.h>

#include <random>

using namespace dlc::test;

namespace {

// Together 10,000 mutants of plan and weights' header.
constexpr int planMutants = 7000, weightsMutants = 3000, otherMutants = 500;

// A few edits: bytes flipped, digits changed, pieces removed, doubled or swapped for another place's.
void damage(std::string &text, std::mt19937 &random) {
  auto below = [&](size_t limit) { return limit ? random() % limit : 0; };
  for (size_t edits = 1 + below(3); edits-- > 0 && !text.empty();) {
    size_t at = below(text.size()), length = std::min(1 + below(12), text.size() - at);
    switch (below(6)) {
    case 0:
      text[at] = char(random());
      break;
    case 1:
      text.erase(at, length);
      break;
    case 2:
      text.insert(at, text.substr(at, length));
      break;
    case 3:
      text.replace(at, length, text.substr(below(text.size()), length));
      break;
    case 4:
      if (size_t digit = text.find_first_of("0123456789", at); digit != std::string::npos)
        text.replace(digit, 1,
                     std::to_string(int64_t(uint64_t(random()) * (below(2) ? 1 : uint64_t(3) << 62))));
      break;
    default:
      text.resize(at);
      break;
    }
  }
}

struct Outcome { // how far mutants came
  int loaded = 0, prepared = 0;
};

// Loads, makes a context and prepares for small dims.
void live(const std::string &artifact, const dlc_load_options &options, Outcome &outcome) {
  LoadedModule module(artifact, options);
  if (module.status != DLC_OK) return;
  ++outcome.loaded;
  dlc_context_options contextOptions = fakeOptions();
  dlc_context *context = nullptr;
  if (dlc_context_create(module.module, &contextOptions, &context) != DLC_OK) return;
  std::vector<dlc_dim> dims;
  for (size_t i = 0; i < dlc_module_symbol_count(module.module); ++i) {
    dlc_symbol_info info;
    dlc_module_symbol(module.module, i, &info);
    dims.push_back({info.name, std::max<int64_t>(info.min, 4)});
  }
  dlc_memory_info memory;
  bool isSmall = dlc_module_memory(module.module, dims.data(), dims.size(), &memory) == DLC_OK &&
                 memory.arena < 1 << 20 && memory.zeroed < 1 << 20;
  if (isSmall && dlc_context_prepare(context, dims.data(), dims.size()) == DLC_OK) ++outcome.prepared;
  dlc_context_destroy(context);
}

} // namespace

TEST(Mutation, Plan) {
  fake() = FakeDriver();
  std::mt19937 random(1);
  std::string plan = examplePlan().dump();
  Outcome outcome;
  for (int i = 0; i < planMutants; ++i) {
    std::string text = plan;
    damage(text, random);
    std::erase(text, '\n');
    live(makeArtifact(exampleKernels(), text), exampleOptions(), outcome);
  }
  EXPECT_GT(outcome.loaded, 100); // enough of them get past the parser
  EXPECT_GT(outcome.prepared, 50);
  EXPECT_LT(outcome.prepared, planMutants);
  std::printf("%d mutants: %d loaded, %d prepared\n", planMutants, outcome.loaded, outcome.prepared);
}

TEST(Mutation, Kernels) {
  std::mt19937 random(2);
  std::string ptx = exampleKernels(), plan = examplePlan().dump();
  Outcome outcome;
  for (int i = 0; i < otherMutants; ++i) {
    std::string text = ptx;
    damage(text, random);
    live(makeArtifact(text, plan), exampleOptions(), outcome);
  }
  EXPECT_LT(outcome.loaded, otherMutants);
}

TEST(Mutation, Framing) {
  std::mt19937 random(3);
  std::string artifact = makeArtifact(examplePlan());
  Outcome outcome;
  dlc_load_options options = exampleOptions();
  options.flags = DLC_LOAD_EDITED;
  for (int i = 0; i < otherMutants; ++i) {
    std::string text = artifact;
    damage(text, random);
    live(text, options, outcome);
  }
  EXPECT_LT(outcome.loaded, otherMutants);
}

TEST(Mutation, WeightsHeader) {
  std::mt19937 random(4);
  std::string weights = readFixture("example.ptx.safetensors");
  size_t headerBytes = uint8_t(weights[0]) | size_t(uint8_t(weights[1])) << 8;
  nlohmann::json plan = examplePlan();
  Outcome outcome;
  for (int i = 0; i < weightsMutants; ++i) {
    std::string header = weights.substr(8, headerBytes), file;
    damage(header, random);
    if (i % 10 == 0) { // the length itself
      file = weights;
      file[random() % 8] = char(random());
      uint64_t claimed = 0;
      for (size_t byte = 8; byte-- > 0;) claimed = claimed << 8 | uint8_t(file[byte]);
      header = file.substr(8, size_t(std::min<uint64_t>(claimed, file.size() - 8)));
    } else {
      file = std::string(8, '\0') + header + weights.substr(8 + headerBytes);
      for (int byte = 0; byte < 8; ++byte) file[size_t(byte)] = char(header.size() >> (8 * byte));
    }
    plan["weights"]["bytes"] = file.size();
    plan["weights"]["header_hash"] = dlc::rt::hexText(dlc::rt::sha256(file.data(), 8 + header.size()));
    dlc_load_options options = exampleOptions();
    options.weights_data = file.data();
    options.weights_bytes = file.size();
    live(makeArtifact(exampleKernels(), plan.dump()), options, outcome);
  }
  EXPECT_LT(outcome.loaded, weightsMutants);
  std::printf("%d mutants: %d loaded, %d prepared\n", weightsMutants, outcome.loaded, outcome.prepared);
}
