# One folder in src/ is one target r1_ROOM. foo_test.cc beside foo.cc goes into r1_ROOM_test.
# A file named *_simd.cc is compiled once per instruction set, into the namespace R1_NS; main code picks one at run time.
find_package(GTest REQUIRED)
include(GoogleTest)

set(R1_ISA_scalar -ffp-contract=fast)
set(R1_ISA_avx2 -mavx2 -mfma -mf16c -ffp-contract=fast)
set(R1_ISA_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mprefer-vector-width=512 -ffp-contract=fast)
set(R1_ISA_avx512bf16 ${R1_ISA_avx512} -mavx512bf16)

# For whole builds: up to eight files are compiled as one, and what most files include is read once for all rooms and
# once for all tests. A third of the time; but a changed file then compiles its seven neighbours, and GCC 12 gives false
# warnings of overlaps and bounds inside std::string with precompiled headers, and takes an included file's unnamed
# namespace for a header's.
option(R1_WHOLE "several files at once and precompiled headers, for whole builds" OFF)
if(R1_WHOLE)
  set(CMAKE_UNITY_BUILD ON)
  file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/apart.txt R1_APART REGEX "^[^#]")
  set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/apart.txt)
endif()
# Names of clashing files stand in cmake/apart.txt.
function(r1_apart)
  foreach(source ${ARGN})
    get_filename_component(full ${source} ABSOLUTE)
    file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR} ${full})
    if(path IN_LIST R1_APART)
      set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    endif()
  endforeach()
endfunction()
set(R1_COMMON_HEADERS <algorithm> <chrono> <cmath> <cstdint> <filesystem> <functional> <map> <memory> <optional> <set> <span>
                      <string> <string_view> <utility> <vector> "\"base/json.h\"" "\"base/error.h\"")
function(r1_precompiled target first)
  if(R1_WHOLE)
    if(target STREQUAL first)
      target_precompile_headers(${target} PRIVATE ${R1_COMMON_HEADERS} ${ARGN})
    else()
      target_precompile_headers(${target} REUSE_FROM ${first})
    endif()
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_compile_options(${target} PRIVATE -Wno-array-bounds -Wno-stringop-overread -Wno-invalid-pch
                             -Wno-subobject-linkage)
    endif()
  endif()
endfunction()

function(r1_room name)
  cmake_parse_arguments(ARG "LIGHT" "" "ROOMS;LIBS" ${ARGN})
  set(dir ${CMAKE_SOURCE_DIR}/src/${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${dir}/*.cc ${dir}/*.S)
  list(FILTER sources EXCLUDE REGEX "/sandbox/jail/")  # programs of their own (jail.cmake)
  set(tests ${sources})
  set(simd ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER simd INCLUDE REGEX "_simd\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|_simd|/main)\\.cc$")
  r1_apart(${sources})
  add_library(r1_${name} STATIC ${sources} ${dir}/room.txt)
  set_target_properties(r1_${name} PROPERTIES LINKER_LANGUAGE CXX)
  if(ARG_LIGHT)  # its time goes into what it calls; a third of its compile time is saved
    target_compile_options(r1_${name} PRIVATE $<$<CONFIG:Release>:-O1>)
    r1_precompiled(r1_${name} r1_data)
  else()
    r1_precompiled(r1_${name} r1_base)
  endif()
  list(TRANSFORM ARG_ROOMS PREPEND r1_ OUTPUT_VARIABLE rooms)
  target_link_libraries(r1_${name} PUBLIC ${rooms} ${ARG_LIBS})
  if(simd)
    foreach(isa scalar avx2 avx512 avx512bf16)
      add_library(r1_${name}_${isa} OBJECT ${simd})
      set_target_properties(r1_${name}_${isa} PROPERTIES UNITY_BUILD OFF)
      target_compile_options(r1_${name}_${isa} PRIVATE -O3 ${R1_ISA_${isa}})
      target_compile_definitions(r1_${name}_${isa} PRIVATE R1_NS=${isa})
      target_sources(r1_${name} PRIVATE $<TARGET_OBJECTS:r1_${name}_${isa}>)
    endforeach()
  endif()
  if(R1_TESTS AND tests)
    r1_test(r1_${name}_test SOURCES ${tests} LIBS r1_${name})
  endif()
endfunction()

# Tests whose suite name ends in Slow carry the label slow, the others fast.
function(r1_test target)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  r1_apart(${ARG_SOURCES})
  add_executable(${target} ${ARG_SOURCES})
  target_link_libraries(${target} PRIVATE ${ARG_LIBS} GTest::gtest GTest::gtest_main)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1> $<$<CONFIG:Release>:-g0>)  # most of a build is tests, run once
  target_compile_definitions(${target} PRIVATE R1_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  r1_precompiled(${target} r1_base_test <gtest/gtest.h>)
  # Tests run side by side: threads that wait must give their core away soon (base/threads.h).
  gtest_discover_tests(${target} TEST_FILTER "-*Slow.*" DISCOVERY_TIMEOUT 60
                       PROPERTIES LABELS fast TIMEOUT 300 ENVIRONMENT GOMP_SPINCOUNT=2000)
  gtest_discover_tests(${target} TEST_FILTER "*Slow.*" TEST_LIST ${target}_slow DISCOVERY_TIMEOUT 60
                       PROPERTIES LABELS slow TIMEOUT 1500 ENVIRONMENT GOMP_SPINCOUNT=2000)
endfunction()
