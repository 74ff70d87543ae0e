#include "runtime/memory.h"

#include <cstdlib>

namespace dlc::rt {

static thread_local const dlc_host_allocator *current = nullptr;

HostScope::HostScope(const dlc_host_allocator &allocator) : before(current) {
  current = allocator.allocate ? &allocator : nullptr;
}
HostScope::~HostScope() { current = before; }

namespace {
// In front of every block: how to give it back.
struct alignas(std::max_align_t) Header {
  void (*deallocate)(void *user, void *memory, size_t bytes); // null: free
  void *user;
  size_t bytes; // with the header
};
} // namespace

void *hostAllocate(size_t bytes) {
  if (bytes > size_t(-1) / 2) throw std::bad_alloc();
  size_t total = bytes + sizeof(Header);
  void *memory = current ? current->allocate(current->user, total, alignof(Header)) : std::malloc(total);
  if (!memory) throw std::bad_alloc();
  auto *header = new (memory) Header{};
  header->deallocate = current ? current->deallocate : nullptr;
  header->user = current ? current->user : nullptr;
  header->bytes = total;
  return header + 1;
}

void hostFree(void *memory) noexcept {
  if (!memory) return;
  Header header = static_cast<Header *>(memory)[-1];
  void *start = static_cast<Header *>(memory) - 1;
  if (header.deallocate)
    header.deallocate(header.user, start, header.bytes);
  else
    std::free(start);
}

} // namespace dlc::rt
