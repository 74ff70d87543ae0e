// Neighbourhoods: halos in shared memory, registers as a moving window, constant coefficients.
#include <stdint.h>

extern "C" __global__ void jacobi(const float *in, float *out, int width, int height) {
  __shared__ float tile[10][34];
  int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * 8 + threadIdx.y;
  for (int r = threadIdx.y; r < 10; r += 8) {
    for (int c = threadIdx.x; c < 34; c += 32) {
      int gx = min(max(int(blockIdx.x) * 32 + c - 1, 0), width - 1);
      int gy = min(max(int(blockIdx.y) * 8 + r - 1, 0), height - 1);
      tile[r][c] = in[gy * width + gx];
    }
  }
  __syncthreads();
  if (x >= width || y >= height) return;
  int r = threadIdx.y + 1, c = threadIdx.x + 1;
  out[y * width + x] = 0.25f * (tile[r - 1][c] + tile[r + 1][c] + tile[r][c - 1] + tile[r][c + 1]);
}

// Seven points in three dimensions: the column of values above and below moves through registers.
extern "C" __global__ void stencil3d(const double *in, double *out, int nx, int ny, int nz) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x <= 0 || y <= 0 || x >= nx - 1 || y >= ny - 1) return;
  size_t plane = size_t(nx) * ny, at = size_t(y) * nx + x;
  double below = in[at], here = in[at + plane];
  for (int z = 1; z < nz - 1; ++z) {
    at += plane;
    double above = in[at + plane];
    out[at] = below + above + in[at - 1] + in[at + 1] + in[at - nx] + in[at + nx] - 6 * here;
    below = here;
    here = above;
  }
}

__constant__ float taps[9] = {0.5f, 1, 1.5f, 2, 2.5f, 2, 1.5f, 1, 0.5f};
extern "C" __global__ void convolve(const float *in, const float *weights, float *out, int n) {
  extern __shared__ float window[];
  float *w = window + blockDim.x + 8;
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  for (int k = threadIdx.x; k < blockDim.x + 8; k += blockDim.x) {
    int g = int(blockIdx.x * blockDim.x) + k - 4;
    window[k] = g >= 0 && g < n ? in[g] : 0.0f;
  }
  if (threadIdx.x < 9) w[threadIdx.x] = weights[threadIdx.x] + taps[threadIdx.x];
  __syncthreads();
  if (i >= n) return;
  float sum = 0;
#pragma unroll
  for (int k = 0; k < 9; ++k) sum = fmaf(window[threadIdx.x + k], w[k], sum);
  out[i] = sum;
}

// Conway's game of life on a torus of bytes.
extern "C" __global__ void life(const uint8_t *in, uint8_t *out, int width, int height) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= width * height) return;
  int x = i % width, y = i / width, alive = 0;
  for (int dy = -1; dy <= 1; ++dy)
    for (int dx = -1; dx <= 1; ++dx)
      if (dx || dy) alive += in[(y + dy + height) % height * width + (x + dx + width) % width];
  out[i] = alive == 3 || (alive == 2 && in[i]);
}

// Median of 3 x 3 by a network of minima and maxima over packed pixels.
extern "C" __global__ void median(const uchar4 *in, uchar4 *out, int width, int height) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y;
  if (x >= width) return;
  unsigned v[9];
  for (int k = 0; k < 9; ++k) {
    int gx = min(max(x + k % 3 - 1, 0), width - 1), gy = min(max(y + k / 3 - 1, 0), height - 1);
    uchar4 p = in[gy * width + gx];
    v[k] = p.x | p.y << 8 | p.z << 16 | unsigned(p.w) << 24;
  }
  for (int i = 0; i < 9; ++i)
    for (int j = 0; j < 8 - i; ++j) {
      unsigned a = v[j], b = v[j + 1];
      v[j] = __vminu4(a, b);
      v[j + 1] = __vmaxu4(a, b);
    }
  out[y * width + x] = make_uchar4(v[4], v[4] >> 8, v[4] >> 16, v[4] >> 24);
}
