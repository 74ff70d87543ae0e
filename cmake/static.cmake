# -DDLC_STATIC=ON: programs that run on another Linux machine without LLVM. LLVM, MLIR and libstdc++ are linked in, glibc is
# not (a static program could not open the CUDA driver). Needs lld, which takes archives in any order.

# Debian's static LLVM and libstdc++ ask for arc4random of glibc 2.36; with one of our own the highest version is 2.34.
add_library(dlc_arc4random STATIC ${PROJECT_SOURCE_DIR}/cmake/arc4random.c)
link_libraries(dlc_arc4random)
add_link_options(-static-libstdc++ -Wl,--gc-sections -Wl,--icf=all -Wl,-s)
add_compile_options(-ffunction-sections -fdata-sections)

# zlib and protobuf: found as archives, too.
set(CMAKE_FIND_LIBRARY_SUFFIXES .a)

# Archives instead of the shared libraries of LLVM; the linker takes what is referred to.
function(dlc_link_mlir_statically target prefix)
  file(GLOB archives ${prefix}/lib/libMLIR*.a ${prefix}/lib/libLLVM*.a)
  list(FILTER archives EXCLUDE REGEX "libMLIRCAPI|libMLIR.*Test|libMLIRMlirOptMain")
  find_library(DLC_ZSTD_STATIC libzstd.a REQUIRED)
  find_library(DLC_ZLIB_STATIC libz.a REQUIRED)
  target_link_libraries(${target} INTERFACE ${archives} ${DLC_ZSTD_STATIC} ${DLC_ZLIB_STATIC} ${CMAKE_DL_LIBS})
endfunction()
