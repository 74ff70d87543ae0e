# MLIR and LLVM 22, and helpers for the folders that use them.
find_program(LLVM_CONFIG NAMES llvm-config-22 REQUIRED)
execute_process(COMMAND ${LLVM_CONFIG} --prefix OUTPUT_VARIABLE llvm_prefix OUTPUT_STRIP_TRAILING_WHITESPACE)
find_package(MLIR 22.1 REQUIRED CONFIG PATHS ${llvm_prefix}/lib/cmake/mlir NO_DEFAULT_PATH)
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)

# One interface carries the include paths and the libraries of LLVM.
add_library(dlc_mlir INTERFACE)
target_include_directories(dlc_mlir SYSTEM INTERFACE ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
target_compile_definitions(dlc_mlir INTERFACE ${LLVM_DEFINITIONS})
if(DLC_STATIC)
  dlc_link_mlir_statically(dlc_mlir ${llvm_prefix})
else()
  target_link_libraries(dlc_mlir INTERFACE MLIR LLVM)
endif()

# One precompiled header serves every MLIR folder.
add_library(dlc_pch STATIC ${PROJECT_SOURCE_DIR}/cmake/pch.cpp)
target_link_libraries(dlc_pch PUBLIC dlc_mlir)
target_compile_options(dlc_pch PRIVATE ${DLC_PCH_FLAGS})
target_precompile_headers(dlc_pch PRIVATE ${PROJECT_SOURCE_DIR}/cmake/pch.h)

# dlc_mlir_library: dlc_library with MLIR and the shared precompiled header.
function(dlc_mlir_library name)
  dlc_library(${name} ${ARGN})
  target_link_libraries(${name} PUBLIC dlc_mlir)
  target_compile_options(${name} PRIVATE ${DLC_PCH_FLAGS})
  target_precompile_headers(${name} REUSE_FROM dlc_pch)
  # Tables made by mlir-tblgen must be there before the first file is compiled.
  add_dependencies(${name} dlc_tables)
endfunction()

# dlc_tablegen(FILE.td OUTPUT generator-flag...): runs mlir-tblgen; the output lands beside FILE in the build tree.
add_custom_target(dlc_tables)
function(dlc_tablegen file output)
  get_filename_component(stem ${file} NAME_WE)
  set(LLVM_TARGET_DEFINITIONS ${file})
  include_directories(${PROJECT_SOURCE_DIR})
  mlir_tablegen(${output} ${ARGN} EXTRA_INCLUDES ${PROJECT_SOURCE_DIR} ${MLIR_INCLUDE_DIRS})
  string(MAKE_C_IDENTIFIER "table_${CMAKE_CURRENT_SOURCE_DIR}_${output}" id)
  add_custom_target(${id} DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/${output})
  add_dependencies(dlc_tables ${id})
endfunction()
