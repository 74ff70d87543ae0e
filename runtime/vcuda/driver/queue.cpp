#include "runtime/vcuda/driver/queue.h"

#include <algorithm>
#include <chrono>

namespace dlc::vcuda {

/// How often a word of memory is looked at that a stream waits for.
constexpr auto pollInterval = std::chrono::microseconds(200);

Queue::Queue(const Schedule &schedule) : schedule(schedule), random(schedule.seed) {
  legacyStream = create(/*blocking=*/true, /*priority=*/0);
  legacyStream->legacy = true;
}

Queue::~Queue() {
  waitAll();
  {
    std::lock_guard lock(mutex);
    stopping = true;
  }
  wake.notify_all();
  if (worker.joinable()) worker.join();
}

std::shared_ptr<StreamState> Queue::create(bool blocking, int priority) {
  std::lock_guard lock(mutex);
  auto stream = std::make_shared<StreamState>();
  stream->id = nextId++;
  stream->blocking = blocking;
  stream->priority = priority;
  streams.push_back(stream);
  return stream;
}

void Queue::destroy(const std::shared_ptr<StreamState> &stream) {
  std::lock_guard lock(mutex);
  stream->destroyed = true;
  if (stream->pending.empty() && stream->submitted == stream->completed) std::erase(streams, stream);
}

Point Queue::submit(const std::shared_ptr<StreamState> &stream, Task task, std::vector<Point> after) {
  std::vector<Command> one;
  one.push_back({std::move(task), std::move(after)});
  return submit(stream, std::move(one));
}

Point Queue::submit(const std::shared_ptr<StreamState> &stream, std::vector<Command> commands) {
  Point point;
  auto &after = commands.front().after;
  {
    std::lock_guard lock(mutex);
    // The legacy stream waits for all blocking streams, and they for it.
    for (const auto &other : streams) {
      bool ordered =
          other != stream && other->blocking && stream->blocking && (stream->legacy || other->legacy);
      if (ordered && other->completed < other->submitted) after.push_back({other, other->submitted});
    }
    std::erase_if(after, [](const Point &p) { return isReached(p); });
    // One thread may still submit what another has destroyed meanwhile: it runs as well.
    if (stream->destroyed && std::find(streams.begin(), streams.end(), stream) == streams.end())
      streams.push_back(stream);
    for (Command &command : commands) stream->pending.push_back(std::move(command));
    point = {stream, stream->submitted += commands.size()};
    if (!worker.joinable()) worker = std::thread([this] { work(); });
  }
  wake.notify_one();
  return point;
}

Point Queue::last(const std::shared_ptr<StreamState> &stream) {
  std::lock_guard lock(mutex);
  return {stream, stream->submitted};
}

bool Queue::reached(const Point &point) {
  std::lock_guard lock(mutex);
  return isReached(point);
}

bool Queue::drained(const std::shared_ptr<StreamState> &stream) {
  std::lock_guard lock(mutex);
  return std::all_of(streams.begin(), streams.end(), [&](const auto &other) {
    bool counts = other == stream || (stream->legacy && other->blocking);
    return !counts || other->completed == other->submitted;
  });
}

void Queue::wait(const Point &point) {
  std::unique_lock lock(mutex);
  progress.wait(lock, [&] { return isReached(point); });
}

void Queue::waitAll() {
  std::unique_lock lock(mutex);
  std::vector<Point> points;
  for (const auto &stream : streams) points.push_back({stream, stream->submitted});
  progress.wait(lock, [&] { return std::all_of(points.begin(), points.end(), isReached); });
}

bool Queue::stop(int milliseconds) {
  {
    std::unique_lock lock(mutex);
    stopping = true;
    for (const auto &stream : streams) {
      stream->pending.clear();
      if (!running) stream->completed = stream->submitted;
    }
    wake.notify_all();
    if (!progress.wait_for(lock, std::chrono::milliseconds(milliseconds), [&] { return !running; }))
      return false;
  }
  if (worker.joinable()) worker.join();
  return true;
}

bool Queue::ready(const StreamState &stream) const {
  if (stream.pending.empty()) return false;
  const Command &next = stream.pending.front();
  return std::all_of(next.after.begin(), next.after.end(), isReached) && (!next.isReady || next.isReady());
}

/// Whether something may get ready without a word of anybody.
bool Queue::isPolling() const {
  return std::any_of(streams.begin(), streams.end(), [](const auto &stream) {
    return !stream->pending.empty() && stream->pending.front().isReady;
  });
}

/// The stream whose first command runs next: the highest priority (lowest number) first.
std::shared_ptr<StreamState> Queue::pick() {
  std::vector<std::shared_ptr<StreamState>> candidates;
  for (const auto &stream : streams) {
    if (!ready(*stream)) continue;
    if (!candidates.empty() && stream->priority < candidates.front()->priority) candidates.clear();
    if (candidates.empty() || stream->priority == candidates.front()->priority) candidates.push_back(stream);
  }
  if (candidates.empty()) return nullptr;
  switch (schedule.kind) {
  case Schedule::Forward:
  case Schedule::Ahead:
    return candidates.front();
  case Schedule::Reverse:
    return candidates.back();
  case Schedule::Random:
    return candidates[random() % candidates.size()];
  }
  return candidates.front();
}

void Queue::work() {
  std::unique_lock lock(mutex);
  for (;;) {
    std::shared_ptr<StreamState> stream;
    while (!(stream = pick()) && !stopping) {
      if (isPolling())
        wake.wait_for(lock, pollInterval);
      else
        wake.wait(lock);
    }
    if (!stream) return;
    Command command = std::move(stream->pending.front());
    stream->pending.pop_front();
    running = true;
    lock.unlock();
    command.run();
    command.run = nullptr; // what it holds is released before anybody learns that it is done
    lock.lock();
    running = false;
    ++stream->completed;
    if (stream->destroyed && stream->pending.empty()) std::erase(streams, stream);
    progress.notify_all();
  }
}

} // namespace dlc::vcuda
