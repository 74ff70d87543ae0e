// The fake driver as tests open it.
#pragma once

#include "dlc/runtime.h"
#include "test/runtime/fake_driver.h"

#include <dlfcn.h>

namespace dlc::test {

inline FakeDriver &fake() {
  static FakeDriver *driver = [] {
    void *library = ::dlopen(DLC_FAKE_DRIVER, RTLD_NOW);
    return reinterpret_cast<GetFakeDriver>(::dlsym(library, "fakeDriver"))();
  }();
  return *driver;
}

inline dlc_context_options fakeOptions() {
  dlc_context_options options;
  dlc_context_options_init(&options);
  options.driver = DLC_FAKE_DRIVER;
  return options;
}

} // namespace dlc::test
