#!/bin/sh
# Makes the .ptx beside each .cu (or those named as arguments): optimised with line information, and unoptimised with debug
# information. NAME.sm_89.cu is for that architecture, the others for sm_80. Needs nvcc 13.
cd "$(dirname "$0")" || exit 1
[ $# -gt 0 ] || set -- *.cu
for f in "$@"; do
  name=${f%.cu}
  arch=sm_80
  case $name in *.sm_*) arch=sm_${name##*.sm_} ;; esac
  nvcc -ptx -arch=$arch -std=c++17 -O3 -lineinfo -o "$name.o3.ptx" "$f" || exit 1
  # Planted bugs are wanted at their lines only in the optimised form.
  [ "$name" = bugs ] || [ "$name" = races ] || [ "$name" = arithmetic ] || nvcc -ptx -arch=$arch -std=c++17 -O0 -G -o "$name.o0.ptx" "$f" || exit 1
  # Names of folders on the machine that ran nvcc are of no use to anybody.
  sed -i -E 's|"/[^"]*/([^"/]*)"|"\1"|' "$name".o?.ptx
  # One file keeps the sections for debuggers, which have nothing to do with execution; from the others they go.
  [ "$name" = basic ] || sed -i '/^[[:space:]]*\.section[[:space:]]*\.debug/,/^[[:space:]]*}/d' "$name".o?.ptx
done
