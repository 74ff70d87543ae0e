// What kernels say: formatted output and assertions.
#include <assert.h>
#include <stdio.h>

extern "C" __global__ void prints(const double *d) {
  int t = threadIdx.x;
  if (t < 3) printf("thread %d of %u: %s\n", t, blockDim.x, t == 1 ? "one" : "other");
  if (t == 0) {
    printf("%5d|%-5d|%05d|%+d|%x|%#o|%c|%%\n", 42, 42, 42, 42, 255, 8, 'z');
    printf("%lld %llu %lx %hd %hhu\n", -5000000000ll, 18446744073709551615ull, 0xfedcba9876543210ul, short(-3), (unsigned char)200);
    printf("%f %.3f %10.2e %g %a\n", d[0], d[1], d[2], d[3], 0.5);
    printf("%*d %.*f\n", 6, 17, 2, 3.14159);
    printf("no arguments\n");
    printf("%p %s\n", (void *)0x1234, "end");
  }
}

extern "C" __global__ void asserts(const int *in) {
  assert(in[threadIdx.x] < 100 && "values are small");
}

extern "C" __global__ void traps(const int *in) {
  if (in[threadIdx.x] == 7) __trap();
}

extern "C" __global__ void countPrinted(int *out) {
  out[threadIdx.x] = printf("%d %d %s\n", 1, 2, "x");
}
