// Structures with padding and bit fields, which unoptimised code copies by whole words, and sets in words that are new.
#include <stdint.h>

struct Fields {
  unsigned kind : 3, size : 5, sign : 1;
};
struct SmallFields {
  uint8_t low : 2, high : 3;
};
struct LongFields {
  uint64_t index : 40, tag : 7;
};
struct Mixed {
  char letter;
  int number;
  short half;
};
struct Wide {
  double value;
  int count;
};

// Fields of words that nobody has written, read back, and the words as they are.
extern "C" __global__ void bitFields(const int *in, unsigned *out, Fields *fields, SmallFields *small, LongFields *longs) {
  int t = threadIdx.x, v = in[t];
  Fields f;
  f.size = v;
  if (v & 1) f.sign = 1;
  else f.sign = 0;
  SmallFields s;
  s.high = v >> 1;
  LongFields l;
  l.tag = v;
  l.index = (uint64_t)v << 30;
  out[3 * t] = f.size * 2 + f.sign, out[3 * t + 1] = s.high, out[3 * t + 2] = l.tag + (unsigned)(l.index >> 28);
  fields[t] = f, small[t] = s, longs[t] = l;
}

__device__ __noinline__ Mixed turned(Mixed m, Wide w) {
  Mixed r;
  r.letter = m.half, r.number = m.number + w.count, r.half = m.letter;
  return r;
}

// Padding goes along through arguments, results, arrays, shared and global memory.
extern "C" __global__ void copies(const int *in, Mixed *mixed, Wide *wide) {
  __shared__ Mixed shared[64];
  int t = threadIdx.x, v = in[t];
  Mixed m;
  m.letter = v, m.number = v * 3, m.half = v + 1;
  Wide w;
  w.value = v * 0.5, w.count = v;
  Mixed list[3];
  for (int i = 0; i < 3; ++i) list[i] = m;
  list[v % 3] = turned(m, w);
  shared[t] = list[v % 3];
  __syncthreads();
  mixed[t] = shared[63 - t];
  Wide other = w;
  wide[t] = other;
}

// Padding is exchanged between threads, too: the words of a structure one by one.
extern "C" __global__ void exchanged(const int *in, Mixed *out) {
  Mixed m;
  int t = threadIdx.x;
  m.letter = in[t], m.number = in[t] * 5, m.half = in[t] - 1;
  union {
    Mixed m;
    unsigned words[3];
  } u;
  u.m = m;
  for (int i = 0; i < 3; ++i) u.words[i] = __shfl_xor_sync(~0u, u.words[i], 9);
  out[t] = u.m;
}

struct List {
  int values[4];
};
// Of a copied structure one part was written.
extern "C" __global__ void partly(const int *in, int *out) {
  int t = threadIdx.x, v = in[t];
  List list;
  list.values[v & 3] = v * 7;
  List copy = list;
  out[t] = copy.values[v & 3];
}
