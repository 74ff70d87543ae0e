#!/bin/sh
# Makes the fat binaries: PTX for sm_75, sm_80 and sm_90 beside machine code; the same compressed in both ways; machine code
# alone. Needs nvcc 13.
cd "$(dirname "$0")" || exit 1
code="-gencode arch=compute_75,code=compute_75 -gencode arch=compute_80,code=[sm_80,compute_80] -gencode arch=compute_90,code=compute_90"
nvcc -fatbin $code --no-compress -o plain.fatbin add_one.cu &&
nvcc -fatbin $code -o compressed.fatbin add_one.cu &&
nvcc -fatbin $code --compress-mode=speed -o compressed_lz4.fatbin add_one.cu &&
nvcc -fatbin -gencode arch=compute_80,code=sm_80 -o machine.fatbin add_one.cu
