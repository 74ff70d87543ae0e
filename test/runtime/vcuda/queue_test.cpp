// Streams of a context, seen by threads that meet in the middle of a call.
#include "runtime/vcuda/driver/queue.h"

#include <chrono>
#include <future>
#include <gtest/gtest.h>

using namespace dlc::vcuda;

TEST(QueueTest, WhatIsSubmittedToADestroyedStreamRuns) {
  Queue queue{Schedule()};
  // A thread looks a stream up; another one destroys it; the first one submits, and waits.
  auto stream = queue.create(/*blocking=*/true, /*priority=*/0);
  queue.destroy(stream);
  std::promise<void> ran;
  Point point = queue.submit(stream, [&] { ran.set_value(); });
  ASSERT_EQ(ran.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
  queue.wait(point);
  // And the streams that it orders itself against wait for it.
  int runs = 0;
  queue.submit(stream, [&] { ++runs; });
  queue.wait(queue.submit(queue.legacy(), [&] { EXPECT_EQ(runs, 1); }));
}
