// Full checks: each kernel of races.cu leads to its finding, with both parties, under every schedule; its
// twin, in which something orders the accesses, to none.
#include "test/runtime/vcuda/device.h"

#include <functional>
#include <sstream>

using namespace dlc::vcuda;
using namespace dlc::vcuda::test;

namespace {

struct Case {
  const char *kernel, *marker, *check, *fixed;
  unsigned ctas, threads;
  std::function<Arguments(Device &)> arguments;
};

uint64_t ints(Device &d, size_t n) { return d.upload(std::vector<int>(n)); }
Arguments out(Device &d) { return Arguments().add(ints(d, 128)); }
Arguments dataOut(Device &d) { return Arguments().add(ints(d, 512)).add(ints(d, 512)); }
Arguments emptyFlagOut(Device &d) {
  return Arguments().add(d.empty<int>(128)).add(ints(d, 512)).add(ints(d, 512));
}
Arguments dataFlagOut(Device &d) { return dataOut(d).add(ints(d, 512)); }

const Case cases[] = {
    {"lanes", "lanes", "shared-race", "lanesFixed", 1, 32, out},
    {"shuffled", "shuffled", "shared-race", "shuffledFixed", 1, 32, out},
    {"halfWarp", "halfWarp", "shared-race", "halfWarpFixed", 1, 32, out},
    {"global", "global", "global-race", "globalFixed", 1, 64, dataOut},
    {"rewrite", "rewrite", "global-race", "rewriteFixed", 1, 64, dataOut},
    {"noReleaseFence", "handOver", "global-race", "handOverFixed", 2, 32, dataFlagOut},
    {"noAcquireFence", "handOver", "global-race", "handOverFixed", 2, 32, dataFlagOut},
    {"narrowReleaseFence", "handOver", "global-race", "handOverFixed", 2, 32, dataFlagOut},
    {"narrowAcquireFence", "handOver", "global-race", "handOverFixed", 2, 32, dataFlagOut},
    {"released", "released", "global-race", "releasedFixed", 2, 32, dataFlagOut},
    {"chain", "chain", "global-race", "chainFixed", 3, 32, dataFlagOut},
    {"firstValue", "firstValue", "unordered-value", "firstValueFixed", 2, 32, emptyFlagOut},
    {"scope", "scope", "narrow-scope", "scopeFixed", 2, 32, out},
    {"counted", "counted", "global-race", "countedFixed", 1, 64, dataOut},
    {"guess", "guess", "global-race", "guessFixed", 1, 64, dataOut},
    {"coherence", "coherence", "non-coherent", "coherenceFixed", 1, 64, dataOut},
    {"source", "source", "async-source", "sourceFixed", 1, 32, dataOut},
    {"destination", "destination", "async-pending", "destinationFixed", 1, 32, dataOut},
    {"waitThenMeet", "waitThenMeet", "shared-race", "waitThenMeetFixed", 1, 64, dataOut},
    {"named", "named", "shared-race", "namedFixed", 1, 96, out},
    {"phase", "phase", "shared-race", "phaseFixed", 1, 64, out},
    {"matrix", "matrix", "shared-race", "matrixFixed", 1, 32, out},
    {"locked", "locked", "global-race", "lockedFixed", 3, 32, dataOut},
    {"meeting", "meeting", "global-race", "meetingFixed", 3, 64, dataFlagOut},
    {"sameWord", "sameWord", "global-conflict", "sameWordFixed", 1, 32, out},
    {"freedEarly", "freedEarly", "global-race", "freedEarlyFixed", 1, 32, dataOut},
};

/// The line of races.cu with this mark.
uint32_t markedLine(const std::string &mark) {
  std::istringstream text(readProgram("races.cu"));
  std::string line;
  for (uint32_t n = 1; std::getline(text, line); ++n) {
    size_t at = (line + " ").find(mark + " ");
    if (at != std::string::npos) return n;
  }
  ADD_FAILURE() << "no line is marked '" << mark << "'";
  return 0;
}

class Races : public testing::TestWithParam<std::tuple<size_t, Schedule>> {};

TEST_P(Races, FoundAndNotFound) {
  const Case &c = cases[std::get<0>(GetParam())];
  Device device;
  device.options.checks = Checks::Full;
  device.options.schedule = std::get<1>(GetParam());
  ModuleInstance module = device.load(readProgram("races.o3.ptx"));
  expectClean(device.run(module, c.fixed, {c.ctas}, {c.threads}, c.arguments(device)));
  LaunchResult r = device.run(module, c.kernel, {c.ctas}, {c.threads}, c.arguments(device));
  EXPECT_EQ(r.status, LaunchResult::Ok) << r.message;
  EXPECT_FALSE(r.findings.empty());
  uint32_t first = markedLine(std::string("first: ") + c.marker);
  uint32_t second = markedLine(std::string("second: ") + c.marker);
  for (const Finding &f : r.findings) {
    SCOPED_TRACE(f.check + ": " + f.message + " [" + f.other + "]");
    // What was planted may show in other ways as well, at the same place.
    if (f.check == "uninitialised-read" || f.check == "async-pending") {
      EXPECT_EQ(f.sourceLine, second);
      continue;
    }
    EXPECT_TRUE(f.check == c.check || f.check == "global-race" || f.check == "global-conflict");
    EXPECT_TRUE(f.sourceLine == first || f.sourceLine == second) << f.sourceLine;
    EXPECT_EQ(f.sourceLine + f.otherSourceLine, first + second);
    EXPECT_TRUE(f.otherIsThread);
    EXPECT_LT(f.otherCta.x, c.ctas);
    EXPECT_LT(f.otherThread.x, c.threads);
    if (f.check == "async-source") continue; // the thread itself, while its copy is under way
    EXPECT_NE(std::pair(f.cta.x, f.thread.x), std::pair(f.otherCta.x, f.otherThread.x))
        << "the parties are two threads";
  }
  EXPECT_NE(findingOf(r, c.check), nullptr) << c.check;
}

std::string raceName(const testing::TestParamInfo<std::tuple<size_t, Schedule>> &info) {
  static const char *const names[] = {"Forward", "Reverse", "Random", "Ahead"};
  Schedule schedule = std::get<1>(info.param);
  return std::string(cases[std::get<0>(info.param)].kernel) + names[schedule.kind] +
         std::to_string(schedule.seed);
}

INSTANTIATE_TEST_SUITE_P(
    All, Races,
    testing::Combine(testing::Range(size_t(0), std::size(cases)),
                     testing::Values(Schedule{Schedule::Forward, 0}, Schedule{Schedule::Reverse, 0},
                                     Schedule{Schedule::Random, 3}, Schedule{Schedule::Ahead, 0},
                                     Schedule{Schedule::Ahead, 1})),
    raceName);

/// Waits for a phase that nobody can end are told apart from waits that somebody else ends.
TEST(Deadlocks, MbarrierThatNobodyCompletes) {
  for (Checks checks : {Checks::Off, Checks::Fast, Checks::Full}) {
    Device device;
    device.options.checks = checks;
    ModuleInstance module = device.load(readProgram("races.o3.ptx"));
    expectClean(device.run(module, "lonelyFixed", {2}, {64}, out(device)));
    LaunchResult r = device.run(module, "lonely", {2}, {64}, out(device));
    EXPECT_EQ(r.status, LaunchResult::Deadlock);
    EXPECT_NE(r.message.find("warp 0 waits at line"), std::string::npos) << r.message;
    EXPECT_NE(r.message.find("warp 1 waits at line"), std::string::npos) << r.message;
    EXPECT_NE(r.message.find(
                  "for the end of phase 0 of the mbarrier at shared byte 0 (1 of 2 arrivals are missing)"),
              std::string::npos)
        << r.message;
  }
}

} // namespace
