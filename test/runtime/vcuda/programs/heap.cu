// Memory that kernels allocate: malloc and free, new and delete.
#include <stdint.h>
#include <stdlib.h>

//===----------------------------------------------------------------------===//
// Lists that outlive the kernel which made them
//===----------------------------------------------------------------------===//

struct Node {
  Node *next;
  int value;
};

extern "C" __global__ void buildLists(Node **heads, const int *lengths, int n) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  if (t >= n) return;
  Node *head = nullptr;
  for (int k = 0; k < lengths[t]; ++k) head = new Node{head, t * 100 + k};
  heads[t] = head;
}

extern "C" __global__ void sumLists(Node *const *heads, long long *sums, int n) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  if (t >= n) return;
  long long sum = 0;
  int place = 0;
  for (const Node *node = heads[t]; node; node = node->next) sum += (long long)node->value * ++place;
  sums[t] = sum;
}

// Each list is freed by another thread than the one that made it.
extern "C" __global__ void freeLists(Node **heads, int n) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  if (t >= n) return;
  for (Node *node = heads[n - 1 - t]; node;) {
    Node *next = node->next;
    delete node;
    node = next;
  }
  heads[n - 1 - t] = nullptr;
}

//===----------------------------------------------------------------------===//
// Scratch of threads and of CTAs
//===----------------------------------------------------------------------===//

// How many of the thread's numbers are less than their median, by a sorted copy.
extern "C" __global__ void threadScratch(const int *in, int *out, int most) {
  int t = threadIdx.x, count = 1 + t % most;
  const int *mine = in + t * most;
  int *sorted = new int[count];
  for (int k = 0; k < count; ++k) {
    int at = k;
    for (; at > 0 && sorted[at - 1] > mine[k]; --at) sorted[at] = sorted[at - 1];
    sorted[at] = mine[k];
  }
  int *ranks = (int *)malloc(count * sizeof(int));
  for (int k = 0; k < count; ++k) {
    ranks[k] = 0;
    for (int j = 0; j < count; ++j) ranks[k] += sorted[j] < mine[k];
  }
  int best = 0;
  for (int k = 0; k < count; ++k) best = best * 3 + ranks[k] + sorted[k];
  free(ranks);
  delete[] sorted;
  out[t] = best;
}

// One block for all threads of a CTA, as long as the CTA needs it.
extern "C" __global__ void ctaScratch(const int *in, int *out) {
  __shared__ int *scratch;
  for (int round = 0; round < 3; ++round) {
    if (threadIdx.x == round) scratch = (int *)malloc(blockDim.x * sizeof(int));
    __syncthreads();
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    scratch[threadIdx.x] = round ? out[i] : in[i];
    __syncthreads();
    int value = scratch[(threadIdx.x + 1) % blockDim.x] * 2 + scratch[blockDim.x - 1 - threadIdx.x];
    __syncthreads();
    if (threadIdx.x == blockDim.x - 1) free(scratch);
    out[i] = value;
    __syncthreads();
  }
}

//===----------------------------------------------------------------------===//
// A vector that grows
//===----------------------------------------------------------------------===//

template <class T> class Vector {
public:
  __device__ ~Vector() { delete[] data; }
  __device__ void push(T value) {
    if (count == capacity) {
      capacity = capacity ? 2 * capacity : 1;
      T *larger = new T[capacity];
      for (int k = 0; k < count; ++k) larger[k] = data[k];
      delete[] data;
      data = larger;
    }
    data[count++] = value;
  }
  __device__ T operator[](int k) const { return data[k]; }
  __device__ int size() const { return count; }

private:
  T *data = nullptr;
  int count = 0, capacity = 0;
};

// Steps of the Collatz sequence of t + 1, forwards and backwards.
extern "C" __global__ void growVector(long long *out) {
  Vector<long long> steps;
  Vector<char> odd;
  for (long long v = blockIdx.x * blockDim.x + threadIdx.x + 1; v != 1; v = v % 2 ? 3 * v + 1 : v / 2) {
    steps.push(v);
    odd.push(v % 2);
  }
  long long sum = 0;
  for (int k = steps.size() - 1; k >= 0; --k) sum = sum * 3 + steps[k] + odd[steps.size() - 1 - k];
  out[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

// Takes blocks until there are no more, and gives all of them back.
extern "C" __global__ void exhaust(size_t bytes, int *count, int *total) {
  void *last = nullptr;
  int mine = 0;
  while (void *block = malloc(bytes)) {
    *(void **)block = last;
    last = block;
    ++mine;
  }
  count[threadIdx.x] = mine;
  atomicAdd(total, mine);
  __syncthreads();
  while (last) {
    void *before = *(void **)last;
    free(last);
    last = before;
  }
}

// Bit 0: misaligned, 1: overlaps the one before, 2: nothing gave something, 3: too much gave something.
extern "C" __global__ void sizes(int *out) {
  int wrong = 0;
  char *before = nullptr;
  for (int bytes = 1; bytes < 200; bytes += 1 + bytes / 3) {
    char *block = (char *)malloc(bytes);
    for (int k = 0; k < bytes; ++k) block[k] = (char)(k + threadIdx.x);
    wrong |= ((uintptr_t)block % 16 != 0) << 0 | (before && block == before) << 1;
    for (int k = 0; k < bytes; ++k) wrong |= (block[k] != (char)(k + threadIdx.x)) << 1;
    free(before);
    before = block;
  }
  free(before);
  void *aligned = __nv_aligned_device_malloc(40, 128);
  wrong |= (aligned == nullptr || (uintptr_t)aligned % 128 != 0) << 0;
  free(aligned);
  wrong |= (malloc(out[0]) != nullptr) << 2; // 0 bytes
  wrong |= (malloc((size_t)1 << 40) != nullptr || malloc(~(size_t)0) != nullptr) << 3;
  free(nullptr);
  __syncthreads();
  out[threadIdx.x] = wrong;
}

//===----------------------------------------------------------------------===//
// Blocks that go from CTA to CTA
//===----------------------------------------------------------------------===//

struct Message {
  int value, twice;
};

// What was in the slot is read and freed by whoever puts the next one there.
extern "C" __global__ void passOn(Message **slots, int count, unsigned long long *sum, int *wrong) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  for (int round = 0; round < 4; ++round) {
    Message *mine = new Message;
    mine->value = t * 4 + round;
    mine->twice = 2 * mine->value;
    __threadfence();
    unsigned long long *slot = (unsigned long long *)&slots[(t * 5 + round) % count];
    Message *other = (Message *)atomicExch(slot, (unsigned long long)mine);
    if (!other) continue;
    __threadfence();
    if (other->twice != 2 * other->value) atomicAdd(wrong, 1);
    atomicAdd(sum, (unsigned long long)other->value);
    delete other;
  }
}

extern "C" __global__ void drain(Message **slots, unsigned long long *sum) {
  Message *last = slots[threadIdx.x];
  slots[threadIdx.x] = nullptr;
  if (last) atomicAdd(sum, (unsigned long long)last->value);
  delete last;
}

// The last of the owners frees what all have read.
struct Counted {
  int owners;
  int numbers[31];
};

extern "C" __global__ void makeCounted(Counted **objects, int owners) {
  Counted *c = (Counted *)malloc(sizeof(Counted));
  c->owners = owners;
  for (int k = 0; k < 31; ++k) c->numbers[k] = threadIdx.x * 31 + k;
  objects[threadIdx.x] = c;
}

extern "C" __global__ void dropCounted(Counted **objects, int *out, int *freed) {
  Counted *c = objects[threadIdx.x];
  int sum = 0;
  for (int k = 0; k < 31; ++k) sum += c->numbers[k] * (k + blockIdx.x);
  out[blockIdx.x * blockDim.x + threadIdx.x] = sum;
  __threadfence();
  if (atomicSub(&c->owners, 1) == 1) {
    free(c);
    atomicAdd(freed, 1);
  }
}
