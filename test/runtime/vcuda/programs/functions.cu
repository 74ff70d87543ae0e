// Calls: virtual functions, pointers, recursion, tables of jumps, structures by value, arrays in local memory.
#include <stdint.h>

struct Shape {
  __device__ virtual float area() const = 0;
  __device__ virtual int corners() const { return 0; }
};
struct Circle : Shape {
  float r;
  __device__ explicit Circle(float r) : r(r) {}
  __device__ float area() const override { return 3.0f * r * r; }
};
struct Box : Shape {
  float a, b;
  __device__ Box(float a, float b) : a(a), b(b) {}
  __device__ float area() const override { return a * b; }
  __device__ int corners() const override { return 4; }
};
__device__ __noinline__ float measure(const Shape &s) { return s.area() + 100 * s.corners(); }
extern "C" __global__ void virtuals(const float *in, float *out) {
  int t = threadIdx.x;
  Circle circle(in[t]);
  Box box(in[t], 2);
  const Shape *shape = &circle;
  if (t % 3 == 0) shape = &box;
  out[t] = measure(*shape);
}

// Quick sort of each thread's own array: recursion with its own frames.
__device__ void quickSort(int *v, int low, int high) {
  if (low >= high) return;
  int pivot = v[(low + high) / 2], i = low, j = high;
  while (i <= j) {
    while (v[i] < pivot) ++i;
    while (v[j] > pivot) --j;
    if (i <= j) {
      int x = v[i];
      v[i++] = v[j];
      v[j--] = x;
    }
  }
  quickSort(v, low, j);
  quickSort(v, i, high);
}
extern "C" __global__ void quickSorts(const int *in, int *out) {
  int mine[12];
  for (int k = 0; k < 12; ++k) mine[k] = in[threadIdx.x * 12 + k];
  quickSort(mine, 0, 11);
  for (int k = 0; k < 12; ++k) out[threadIdx.x * 12 + k] = mine[k];
}

// A small machine: its dispatch is a table of jumps, and lanes run different programs.
extern "C" __global__ void interpreter(const uint8_t *programs, const int *in, int *out, int length) {
  int t = threadIdx.x, stack[8], top = 0;
  const uint8_t *p = programs + t * length;
  for (int i = 0; i < 8; ++i) stack[i] = 0;
  for (int i = 0; i < length; ++i) {
    int a = stack[(top + 7) % 8], b = stack[(top + 6) % 8];
    switch (p[i]) {
    case 0: stack[top++ % 8] = in[t]; break;
    case 1: stack[(top + 7) % 8] = a + 17; break;
    case 2: stack[(top + 6) % 8] = a * b; --top; break;
    case 3: stack[(top + 6) % 8] = b - a; --top; break;
    case 4: stack[(top + 7) % 8] = a ^ (a << 3); break;
    case 5: stack[top++ % 8] = i; break;
    case 6: stack[(top + 7) % 8] = ~a; break;
    case 7: if (a & 1) ++i; break;
    case 8: stack[top++ % 8] = a; break;
    case 9: stack[(top + 7) % 8] = a > b ? a : b; break;
    default: stack[0] ^= 1; break;
    }
    top = (top + 8) % 8;
  }
  out[t] = stack[(top + 7) % 8];
}

struct Big {
  double d;
  int v[5];
  char c;
};
__device__ __noinline__ Big mix(Big a, Big b, short s) {
  Big r = a;
  r.d += b.d;
  for (int k = 0; k < 5; ++k) r.v[k] = a.v[k] - b.v[4 - k] * s;
  r.c = char(a.c + b.c);
  return r;
}
extern "C" __global__ void structures(const int *in, double *out) {
  int t = threadIdx.x;
  Big a = {in[t] * 0.5, {in[t], 1, 2, 3, 4}, char(t)}, b = {1.25, {5, 6, 7, 8, in[t] + 1}, 3};
  Big r = mix(mix(a, b, 2), b, short(-t));
  double sum = r.d + r.c;
  for (int k = 0; k < 5; ++k) sum += r.v[k] * (k + 1);
  out[t] = sum;
}

typedef int (*Step)(int, int);
__device__ __noinline__ int stepAdd(int a, int b) { return a + b; }
__device__ __noinline__ int stepSub(int a, int b) { return a - b; }
__device__ __noinline__ int stepMul(int a, int b) { return a * b; }
__device__ __noinline__ int stepXor(int a, int b) { return a ^ b; }
__device__ Step steps[4] = {stepAdd, stepSub, stepMul, stepXor};
// Lanes go to four different functions, through pointers from a table in memory.
extern "C" __global__ void pointers(const int *in, int *out) {
  int t = threadIdx.x, v = in[t];
  for (int k = 0; k < 6; ++k) v = steps[(in[t] + k * t) & 3](v, k + 2);
  out[t] = v;
}

__device__ __noinline__ unsigned ackermann(unsigned m, unsigned n) {
  if (m == 0) return n + 1;
  if (n == 0) return ackermann(m - 1, 1);
  return ackermann(m - 1, ackermann(m, n - 1));
}
extern "C" __global__ void ackermanns(unsigned *out) { out[threadIdx.x] = ackermann(threadIdx.x % 3, threadIdx.x / 3); }

template <class F> __device__ __noinline__ int fold(const int *v, int n, F f) {
  int r = v[0];
  for (int k = 1; k < n; ++k) r = f(r, v[k]);
  return r;
}
extern "C" __global__ void lambdas(const int *in, int *out, int n, int scale) {
  int t = threadIdx.x;
  out[2 * t] = fold(in, n, [=](int a, int b) { return a * scale + b + t; });
  out[2 * t + 1] = fold(in + t % 3, n - 3, [](int a, int b) { return max(a, b); });
}
