//===- queue.h - the streams of one context ---------------------------------===//
//
// Work is submitted to streams and run later by one worker thread per context, which takes any command whose
// stream and whose dependencies are ready; among several, the schedule decides (lowest stream first, highest
// first, or seeded random). The legacy default stream and the blocking streams order themselves against each
// other as CUDA says.
//
//===----------------------------------------------------------------------===//
#ifndef DLC_RUNTIME_VCUDA_DRIVER_QUEUE_H
#define DLC_RUNTIME_VCUDA_DRIVER_QUEUE_H

#include "runtime/vcuda/machine.h"

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <random>
#include <thread>

namespace dlc::vcuda {

struct StreamState;

/// A place in a stream: reached when everything submitted up to it has run.
struct Point {
  std::shared_ptr<StreamState> stream;
  uint64_t sequence = 0;
};

using Task = std::function<void()>;

struct Command {
  Task run;
  std::vector<Point> after;
  /// If there is one: whether the command may run, asked again and again. Until then only its stream waits.
  std::function<bool()> isReady = nullptr;
};

/// Guarded by its queue's mutex.
struct StreamState {
  uint64_t id = 0;
  bool legacy = false;
  bool blocking = true;
  int priority = 0;
  bool destroyed = false;
  uint64_t submitted = 0, completed = 0;
  std::deque<Command> pending;
};

class Queue {
public:
  explicit Queue(const Schedule &schedule);
  /// Runs what was submitted to its end.
  ~Queue();

  std::shared_ptr<StreamState> create(bool blocking, int priority);
  /// What was submitted still runs.
  void destroy(const std::shared_ptr<StreamState> &stream);
  const std::shared_ptr<StreamState> &legacy() const { return legacyStream; }

  Point submit(const std::shared_ptr<StreamState> &stream, Task task, std::vector<Point> after = {});
  /// Commands that nothing of another thread comes between; not none.
  Point submit(const std::shared_ptr<StreamState> &stream, std::vector<Command> commands);
  Point last(const std::shared_ptr<StreamState> &stream);
  bool reached(const Point &point);
  /// Whether all of a stream has run; for the legacy stream, all blocking streams with it.
  bool drained(const std::shared_ptr<StreamState> &stream);
  void wait(const Point &point);
  void waitAll();
  /// Drops what has not started; at the end of the process. False if a command still runs after
  /// `milliseconds`.
  bool stop(int milliseconds);

private:
  bool ready(const StreamState &stream) const;
  bool isPolling() const;
  std::shared_ptr<StreamState> pick();
  void work();
  static bool isReached(const Point &point) {
    return !point.stream || point.stream->completed >= point.sequence;
  }

  std::mutex mutex;
  std::condition_variable wake, progress;
  std::shared_ptr<StreamState> legacyStream;
  std::vector<std::shared_ptr<StreamState>> streams;
  Schedule schedule;
  std::mt19937_64 random;
  uint64_t nextId = 1;
  bool stopping = false, running = false;
  std::thread worker;
};

} // namespace dlc::vcuda

#endif
