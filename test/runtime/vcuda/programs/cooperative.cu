// Cooperative groups: tiles, coalesced threads, partitions by label, the whole grid.
#include <cooperative_groups.h>
#include <cooperative_groups/memcpy_async.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>
#include <cuda/pipeline>
namespace cg = cooperative_groups;

extern "C" __global__ void tiles(const int *in, int *out) {
  auto block = cg::this_thread_block();
  auto tile = cg::tiled_partition<8>(block);
  int v = in[block.group_index().x * block.size() + block.thread_rank()];
  int sum = cg::reduce(tile, v, cg::plus<int>()), most = cg::reduce(tile, v, cg::greater<int>());
  int before = cg::exclusive_scan(tile, v);
  int neighbour = tile.shfl_xor(v, 3), any = tile.any(v == 5), mask = tile.ballot(v & 1);
  int *o = out + 6 * (block.group_index().x * block.size() + block.thread_rank());
  o[0] = sum, o[1] = most, o[2] = before, o[3] = neighbour, o[4] = any * 1000 + mask, o[5] = tile.meta_group_rank() * 100 + tile.thread_rank();
}

extern "C" __global__ void coalesced(const int *in, int *out, unsigned *count, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n && in[i] > 10) {
    auto group = cg::coalesced_threads();
    unsigned base = 0;
    if (group.thread_rank() == 0) base = atomicAdd(count, group.size());
    out[group.shfl(base, 0) + group.thread_rank()] = in[i];
  }
}

extern "C" __global__ void labelled(const int *in, int *out) {
  auto warp = cg::tiled_partition<32>(cg::this_thread_block());
  int v = in[threadIdx.x];
  auto same = cg::labeled_partition(warp, v % 5);
  out[2 * threadIdx.x] = cg::reduce(same, v, cg::plus<int>());
  out[2 * threadIdx.x + 1] = same.size() * 100 + same.thread_rank();
}

// Waves over a grid that synchronises as a whole.
extern "C" __global__ void wholeGrid(int *a, int *b, int n, int steps) {
  auto grid = cg::this_grid();
  for (int s = 0; s < steps; ++s) {
    for (int i = grid.thread_rank(); i < n; i += grid.size()) b[i] = a[i] + a[(i + 1) % n];
    grid.sync();
    int *swap = a;
    a = b;
    b = swap;
  }
}

extern "C" __global__ void copied(const float *in, float *out, int n) {
  extern __shared__ float buffer[];
  auto block = cg::this_thread_block();
  cg::memcpy_async(block, buffer, in + blockIdx.x * n, sizeof(float) * n);
  cg::wait(block);
  for (int i = block.thread_rank(); i < n; i += block.size()) out[blockIdx.x * n + i] = buffer[n - 1 - i];
}

// A group that more than one warp belongs to.
extern "C" __global__ void bigTiles(const int *in, int *out) {
  __shared__ cg::block_tile_memory<256> scratch;
  auto block = cg::this_thread_block(scratch);
  auto tile = cg::tiled_partition<64>(block);
  int v = in[block.thread_rank()];
  out[block.thread_rank()] = cg::reduce(tile, v, cg::plus<int>()) + tile.shfl(v, 40);
}

// cuda::pipeline over the block, two stages, all threads copy and all compute.
extern "C" __global__ void blockPipeline(const int *in, int *out, int tiles) {
  __shared__ int buffer[2][128];
  __shared__ cuda::pipeline_shared_state<cuda::thread_scope_block, 2> state;
  auto block = cg::this_thread_block();
  auto pipeline = cuda::make_pipeline(block, &state);
  int t = threadIdx.x;
  for (int k = 0, issued = 0; k < tiles; ++k) {
    for (; issued < tiles && issued < k + 2; ++issued) {
      pipeline.producer_acquire();
      cuda::memcpy_async(block, buffer[issued % 2], in + issued * 128, sizeof(int) * 128, pipeline);
      pipeline.producer_commit();
    }
    pipeline.consumer_wait();
    out[k * 128 + t] = buffer[k % 2][127 - t] + k;
    pipeline.consumer_release();
  }
}
