# Settings and helpers for every target of the project: one helper per kind of target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

# ccache also serves users of precompiled headers when it ignores their time stamps.
find_program(DLC_CCACHE ccache)
if(DLC_CCACHE)
  foreach(language C CXX)
    set(CMAKE_${language}_COMPILER_LAUNCHER
        ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${DLC_CCACHE})
  endforeach()
endif()

add_compile_options(-Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -Werror)
add_compile_options(-ffp-contract=off)
# No path of the build machine may reach a binary.
add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  add_compile_options(-fcolor-diagnostics)
  set(DLC_PCH_FLAGS -Xclang -fno-pch-timestamp)
else()
  set(DLC_PCH_FLAGS -fpch-preprocess)
endif()
find_program(DLC_LLD NAMES ld.lld ld.lld-22)
if(DLC_LLD AND CMAKE_CXX_COMPILER_ID MATCHES Clang)
  add_link_options(-fuse-ld=lld)
endif()
if(DLC_SANITIZE)
  # What is found ends the program, so that its test fails, and going on is no edge for a fuzzer. Clients declare the
  # driver's API in their own words; its C types are compatible, but `function`, which only clang has, compares names.
  add_compile_options(-fsanitize=${DLC_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${DLC_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    add_compile_options(-fno-sanitize=function)
  endif()
endif()

# Builds with AddressSanitizer can fuzz, with clang.
set(DLC_FUZZ OFF)
if(DLC_SANITIZE MATCHES address AND CMAKE_CXX_COMPILER_ID MATCHES Clang)
  set(DLC_FUZZ ON)
endif()

# dlc_fuzzed(TARGET source...): in builds that can fuzz, these sources of the target tell a fuzzer which edges ran.
function(dlc_fuzzed target)
  if(DLC_FUZZ)
    set_source_files_properties(${ARGN} TARGET_DIRECTORY ${target} PROPERTIES
      COMPILE_OPTIONS "-fsanitize=fuzzer-no-link;-fno-sanitize-coverage=trace-cmp")
  endif()
endfunction()

# dlc_library(NAME SOURCES file... [DEPS library...] [PRIVATE_DEPS library...])
# A static library of one folder. Its DEPS are the only folders it may include from.
function(dlc_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
  target_link_libraries(${name} PUBLIC ${arg_DEPS} PRIVATE ${arg_PRIVATE_DEPS})
endfunction()

# dlc_program(NAME SOURCES file... [DEPS library...]): a program in build/bin.
function(dlc_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
endfunction()

# dlc_test(NAME SOURCES file... [DEPS library...] [ENV NAME=value...]): a GoogleTest program, one ctest test, label "unit".
function(dlc_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS;ENV" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${name} ${arg_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test/bin)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gtest GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS unit ENVIRONMENT "${arg_ENV}")
endfunction()

# dlc_embed(TARGET FILE OUTPUT.inc): the text of FILE, to be included as a string literal from this folder's build
# directory. Nothing is read at run time.
function(dlc_embed target file output)
  add_custom_command(OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${output}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${file} -DOUTPUT=${CMAKE_CURRENT_BINARY_DIR}/${output}
            -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${file} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake VERBATIM)
  target_sources(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/${output})
endfunction()

set(DLC_PYTHON ${CMAKE_SOURCE_DIR}/.venv/bin/python CACHE FILEPATH "Python with tools/dev/requirements.txt, for tests")

# dlc_python_test(NAME KIND SCRIPT file [ARGS argument...] [ENV NAME=value...] [LONG] [TIMEOUT seconds]): a Python script as a
# ctest test with label KIND (and "long"). It finds the programs through DLC_BIN_DIR and has a folder of its own, build/work/NAME
# (DLC_WORK_DIR), since tests run beside each other. Exit status 77 means skipped.
function(dlc_python_test name kind)
  cmake_parse_arguments(arg "LONG" "SCRIPT;TIMEOUT" "ARGS;ENV" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 600)
  endif()
  set(labels ${kind})
  if(arg_LONG)
    list(APPEND labels long)
  endif()
  add_test(NAME ${name} COMMAND ${DLC_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/${arg_SCRIPT} ${arg_ARGS})
  set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77
    ENVIRONMENT "DLC_BIN_DIR=${CMAKE_BINARY_DIR}/bin;DLC_LIB_DIR=${CMAKE_BINARY_DIR}/lib;DLC_WORK_DIR=${CMAKE_BINARY_DIR}/work/${name};${arg_ENV}")
endfunction()
