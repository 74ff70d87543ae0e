// Integers: wide products, bit tricks, bytes in words, and atomics of every kind.
#include <stdint.h>

typedef unsigned __int128 u128;
extern "C" __global__ void wide(const unsigned long long *a, const unsigned long long *b, unsigned long long *out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  u128 x = (u128)a[i] << 17 | b[i], y = (u128)b[i] * a[(i + 1) % n];
  u128 sum = x + y, product = x * (y >> 40), difference = y - x;
  out[6 * i] = (unsigned long long)(sum >> 64) ^ (unsigned long long)sum;
  out[6 * i + 1] = (unsigned long long)(product >> 64) + (unsigned long long)product;
  out[6 * i + 2] = (unsigned long long)(difference >> 64);
  out[6 * i + 3] = (unsigned long long)(y / (b[i] | 1));
  out[6 * i + 4] = (unsigned long long)(y % (x | 1));
  out[6 * i + 5] = __umul64hi(a[i], b[i]) + __brevll(a[i]) + __clzll(b[i] >> (i % 64)) + __popcll(a[i]) + __ffsll(b[i] << (i % 64));
}

extern "C" __global__ void bits(const unsigned *a, const unsigned *b, unsigned *out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  unsigned x = a[i], y = b[i];
  out[8 * i] = __byte_perm(x, y, 0x5270) ^ __byte_perm(x, y, y & 0x7777);
  out[8 * i + 1] = __funnelshift_l(x, y, i) ^ __funnelshift_rc(x, y, i + 20);
  out[8 * i + 2] = __dp4a(int(x), int(y), i) ^ __dp4a(x, y, unsigned(i));
  out[8 * i + 3] = __dp2a_lo(int(x), int(y), 5) + __dp2a_hi(x, y, 7u);
  out[8 * i + 4] = __brev(x) ^ __sad(int(x), int(y), 9u) ^ __usad(x, y, 3u);
  out[8 * i + 5] = __mulhi(int(x), int(y)) ^ __umulhi(x, y) ^ __umul24(x, y) ^ __mul24(int(x), int(y));
  out[8 * i + 6] = __hadd(int(x), int(y)) ^ __rhadd(int(x), int(y)) ^ __uhadd(x, y);
  out[8 * i + 7] = (x / (y | 1)) ^ (x % (y | 1)) ^ unsigned(int(x) / (int(y) | 1)) ^ unsigned(int(x) % (int(y) | 1));
}

// Bytes and half words side by side in a word.
extern "C" __global__ void packed(const unsigned *a, const unsigned *b, unsigned *out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  unsigned x = a[i], y = b[i];
  out[6 * i] = __vadd4(x, y) ^ __vsub2(x, y);
  out[6 * i + 1] = __vaddss2(x, y) ^ __vsubus4(x, y);
  out[6 * i + 2] = __vabsdiffu4(x, y);
  out[6 * i + 3] = __vsadu4(x, y);
  out[6 * i + 4] = __vcmpgtu4(x, y) ^ __vseteq4(x, y);
  out[6 * i + 5] = __vmaxs2(x, y) ^ __vavgu4(x, y);
}

extern "C" __global__ void atomics(const unsigned *in, unsigned *w, int *s, unsigned long long *l, long long *sl, float *f, double *d, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  unsigned v = in[i];
  atomicAdd(&w[0], v);
  atomicSub(&w[1], v);
  atomicMin(&w[2], v);
  atomicMax(&w[3], v);
  atomicAnd(&w[4], v | 0xff);
  atomicOr(&w[5], v);
  atomicXor(&w[6], v);
  atomicInc(&w[7], 10);
  atomicDec(&w[8], 10);
  atomicMin(&s[0], int(v) - 1000);
  atomicMax(&s[1], int(v) - 1000);
  unsigned long long big = (unsigned long long)v << 30 | v;
  atomicAdd(&l[0], big);
  atomicMin(&l[1], big);
  atomicMax(&l[2], big);
  atomicAnd(&l[3], big | 0xff00ff);
  atomicOr(&l[4], big);
  atomicXor(&l[5], big);
  atomicMin(&sl[0], (long long)big - (1ll << 40));
  atomicMax(&sl[1], (long long)big - (1ll << 40));
  atomicAdd(&f[0], float(v % 8));
  atomicAdd(&d[0], double(v) * 0.5);
  if (blockIdx.x == 0) atomicAdd_block(&w[9], 1u);
  atomicAdd_system(&w[10], 2u);
}

// What atomics return: every thread gets a place of its own; an exchange passes a token on.
extern "C" __global__ void returned(unsigned *counter, unsigned long long *wide, unsigned *token, unsigned *places, unsigned long long *widePlaces, unsigned *tokens) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  places[atomicAdd(counter, 1u)] = i;
  widePlaces[i] = atomicAdd(wide, 3ull);
  tokens[i] = atomicExch(token, unsigned(i) + 1);
}

// A minimum of doubles by compare-and-swap.
extern "C" __global__ void minDouble(const double *in, unsigned long long *least, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  unsigned long long old = *(volatile unsigned long long *)least, seen;
  do {
    seen = old;
    if (__longlong_as_double(seen) <= in[i]) break;
    old = atomicCAS(least, seen, __double_as_longlong(in[i]));
  } while (old != seen);
}
