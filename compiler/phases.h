// Where the time of a compile goes, for --timing.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace dlc {

/// Seconds per phase, in the order in which phases first ended. Steps of kernels that are compiled side by
/// side add up over threads, so they may exceed the wall time of the phase that they are part of.
class Phases {
public:
  /// Runs `body` and adds its wall time to a phase of the compile.
  template <typename Body> decltype(auto) time(std::string_view phase, Body &&body) {
    return timed(phase, /*isStep=*/false, body);
  }
  /// The same for a step of one kernel; safe to call from several threads.
  template <typename Body> decltype(auto) timeStep(std::string_view step, Body &&body) {
    return timed(step, /*isStep=*/true, body);
  }

  /// A table: phases with their wall time, below them steps with what they took over all threads, the total.
  std::string text() const;

private:
  using Clock = std::chrono::steady_clock;

  template <typename Body> decltype(auto) timed(std::string_view name, bool isStep, Body &body) {
    struct Scope {
      Phases &phases;
      std::string_view name;
      bool isStep;
      Clock::time_point start = Clock::now();
      ~Scope() { phases.add(name, isStep, Clock::now() - start); }
    } scope{*this, name, isStep};
    return body();
  }
  void add(std::string_view name, bool isStep, std::chrono::duration<double> passed);

  struct Row {
    std::string name;
    bool isStep;
    double seconds;
  };
  std::mutex mutex;
  std::vector<Row> rows;
};

} // namespace dlc
