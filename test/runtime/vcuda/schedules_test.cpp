// In which order warps and CTAs run, as the kernel itself sees it.
#include "test/runtime/vcuda/device.h"

using namespace dlc::vcuda;
using namespace dlc::vcuda::test;

namespace {

/// Each warp counts to 6000 three times, longer than a turn, and signs in a log after each time.
const char *const log = R"(
.version 7.8
.target sm_80
.address_size 64
.visible .entry sign(.param .u64 places, .param .u64 next)
{
.reg .b64 %p<4>; .reg .b32 %r<10>; .reg .pred %q<4>;
ld.param.u64 %p0, [places]; ld.param.u64 %p1, [next];
mov.u32 %r0, %tid.x; shr.u32 %r1, %r0, 5; and.b32 %r0, %r0, 31;
mov.u32 %r7, %ctaid.x; mad.lo.u32 %r1, %r7, 10, %r1;
setp.ne.u32 %q0, %r0, 0;
mov.u32 %r2, 0;
again:
mov.u32 %r3, 0;
count:
add.u32 %r3, %r3, 1;
setp.lt.u32 %q1, %r3, 6000;
@%q1 bra count;
@%q0 bra signed;
atom.global.add.u32 %r4, [%p1], 1;
mul.wide.u32 %p2, %r4, 4; add.s64 %p2, %p0, %p2;
st.global.u32 [%p2], %r1;
signed:
add.u32 %r2, %r2, 1;
setp.lt.u32 %q2, %r2, 3;
@%q2 bra again;
ret;
}
)";

/// Ten times the CTA plus the warp, in the order of the log. One host thread.
std::vector<unsigned> order(Schedule schedule, unsigned ctas, unsigned warps) {
  Device device;
  device.options.schedule = schedule;
  device.options.threads = 1;
  ModuleInstance module = device.load(log);
  uint64_t places = device.empty<unsigned>(ctas * warps * 3);
  uint64_t next = device.upload(std::vector<unsigned>(1));
  expectClean(device.run(module, "sign", {ctas}, {warps * 32}, Arguments().add(places).add(next)));
  return device.download<unsigned>(places, ctas * warps * 3);
}

using Order = std::vector<unsigned>;

TEST(Schedules, ForwardGivesEveryWarpItsTurn) {
  EXPECT_EQ(order({Schedule::Forward, 0}, 1, 2), (Order{0, 1, 0, 1, 0, 1}));
}

TEST(Schedules, ReverseBeginsWithTheLast) {
  EXPECT_EQ(order({Schedule::Reverse, 0}, 1, 2), (Order{1, 0, 1, 0, 1, 0}));
  EXPECT_EQ(order({Schedule::Reverse, 0}, 2, 1).front(), 10u);
}

TEST(Schedules, AheadRunsOneWarpToItsEnd) {
  EXPECT_EQ(order({Schedule::Ahead, 0}, 1, 2), (Order{0, 0, 0, 1, 1, 1}));
  Order third = order({Schedule::Ahead, 2}, 1, 3);
  EXPECT_EQ(Order(third.begin(), third.begin() + 3), (Order{2, 2, 2}));
  Order counted = order({Schedule::Ahead, 5}, 2, 2);
  EXPECT_EQ(Order(counted.begin(), counted.begin() + 4), (Order{1, 1, 1, 0}));
}

TEST(Schedules, RandomIsTheSameForTheSameSeed) {
  Order first = order({Schedule::Random, 3}, 3, 4);
  EXPECT_EQ(order({Schedule::Random, 3}, 3, 4), first);
  EXPECT_NE(order({Schedule::Random, 4}, 3, 4), first);
}

// The lane that has the lock waits behind the loop for those that poll it, and is let go without them. Every
// turn of theirs is in vain, so turns must be short.
TEST(Schedules, LanesThatPollGiveWaySoon) {
  for (Schedule::Kind kind : {Schedule::Forward, Schedule::Reverse, Schedule::Ahead, Schedule::Random}) {
    Device device;
    device.options.schedule = {kind, 0};
    device.options.threads = 1; // how long one waits for another host thread is the host's business
    device.options.maxInstructions = 1'000'000; // blocks of a warp
    ModuleInstance module = device.load(R"(
.version 7.8
.target sm_80
.address_size 64
.visible .entry count(.param .u64 words)
{
.reg .b64 %p<2>; .reg .b32 %r<4>; .reg .pred %q;
ld.param.u64 %p0, [words];
take:
atom.global.exch.b32 %r0, [%p0], 1;
setp.eq.u32 %q, %r0, 1;
@%q bra take;
fence.acq_rel.gpu;
ld.volatile.global.u32 %r1, [%p0+4];
add.u32 %r1, %r1, 1;
st.volatile.global.u32 [%p0+4], %r1;
fence.acq_rel.gpu;
atom.global.exch.b32 %r0, [%p0], 0;
ret;
}
)");
    uint64_t words = device.upload(std::vector<unsigned>(2));
    SCOPED_TRACE(int(kind));
    expectClean(device.run(module, "count", {2}, {64}, Arguments().add(words)));
    EXPECT_EQ(device.download<unsigned>(words, 2), (std::vector<unsigned>{0, 128}));
  }
}

} // namespace
