# The stage of the sandbox (src/reward/sandbox/jail): a static program, and a library for the warm interpreter. Both are
# embedded in r1_reward. They run inside the jail, so they are plain: no sanitizer, no standard C++ library.
set(R1_JAIL_DIR ${CMAKE_SOURCE_DIR}/src/reward/sandbox)
file(GLOB R1_JAIL_SOURCES CONFIGURE_DEPENDS ${R1_JAIL_DIR}/jail/*.cc)
set(R1_JAIL_FLAGS -O2 -g0 -fno-exceptions -fno-rtti -fno-threadsafe-statics -fno-sanitize=all -fvisibility=hidden)

add_executable(r1_stage_program ${R1_JAIL_SOURCES})
target_compile_definitions(r1_stage_program PRIVATE R1_JAIL_PROGRAM)
target_compile_options(r1_stage_program PRIVATE ${R1_JAIL_FLAGS})
target_link_options(r1_stage_program PRIVATE -static -s -fno-sanitize=all)

add_library(r1_stage_library MODULE ${R1_JAIL_SOURCES})
target_compile_options(r1_stage_library PRIVATE ${R1_JAIL_FLAGS})
target_link_options(r1_stage_library PRIVATE -s -fno-sanitize=all)
set_target_properties(r1_stage_program r1_stage_library PROPERTIES LINKER_LANGUAGE CXX PREFIX "" SUFFIX "" UNITY_BUILD_MODE BATCH
  RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/jail LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/jail)

function(r1_embed_jail room)
  set(embedded ${R1_JAIL_DIR}/embedded_files.S)
  set(program ${CMAKE_BINARY_DIR}/jail/r1_stage_program)
  set(library ${CMAKE_BINARY_DIR}/jail/r1_stage_library)
  set(worker ${CMAKE_SOURCE_DIR}/src/reward/functions/worker.py)  # not of the jail, but embedded as its files are
  set_source_files_properties(${embedded} PROPERTIES
    COMPILE_DEFINITIONS "R1_STAGE_PROGRAM=\"${program}\";R1_STAGE_LIBRARY=\"${library}\";R1_PYTHON_DRIVER=\"${R1_JAIL_DIR}/driver.py\";R1_FUNCTION_DRIVER=\"${R1_JAIL_DIR}/function_driver.inc\";R1_REWARD_WORKER=\"${worker}\""
    OBJECT_DEPENDS "${program};${library};${R1_JAIL_DIR}/driver.py;${R1_JAIL_DIR}/function_driver.inc;${worker}")
  add_dependencies(r1_${room} r1_stage_program r1_stage_library)
endfunction()
