#!/bin/sh
# Makes the .ptx beside each .cu: optimised with line information, and unoptimised with debug information. Needs nvcc 13.
cd "$(dirname "$0")" || exit 1
for f in *.cu; do
  nvcc -ptx -arch=sm_80 -O3 -lineinfo -o "${f%.cu}.o3.ptx" "$f" && nvcc -ptx -arch=sm_80 -O0 -G -o "${f%.cu}.o0.ptx" "$f"
done
# Planted bugs are wanted at their lines only in the optimised form.
rm -f bugs.o0.ptx
# Names of folders on the machine that ran nvcc are of no use to anybody.
sed -i -E 's|"/[^"]*/([^"/]*)"|"\1"|' ./*.ptx
