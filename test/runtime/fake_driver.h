// A driver library for tests of the runtime: device memory is malloc's (so that ASan sees its bounds),
// launches run the host functions below that are named like kernels, calls are counted and can be made to
// fail. Graphs run their nodes in the order in which they were added.
#pragma once

#include <cstdint>

struct FakeDriver {
  // Faults: the call number `failAt` (from 1) of `failFunction` returns `failResult`; 0: none.
  const char *failFunction = nullptr;
  int failAt = 0, failResult = 0;
  int major = 8, minor = 0, sms = 108, sharedPerBlock = 166912, deviceCount = 1;
  uint64_t unknownMemory = 0, unknownBytes = 0; // the only addresses that the driver does not know
  int readsHostMemory = 0;
  // Counts.
  int calls = 0;       // of failFunction
  int liveBlocks = 0;  // device allocations
  int liveObjects = 0; // modules, streams, events, graphs, retained contexts
  int allocations = 0, launches = 0, copies = 0, moduleLoads = 0, contextDepth = 0;
  int instantiations = 0, graphLaunches = 0, nodeUpdates = 0;
  int dynamicShared = 0; // last value set
  char lastKernel[64] = "";
};

// The library's state: dlsym "fakeDriver".
using GetFakeDriver = FakeDriver *(*)();
