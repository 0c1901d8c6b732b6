# Settings of all targets: warnings as errors, sanitizers, and one public include folder.

# sluice_library(NAME SOURCES...): a static library with its headers in ./include, visible only to
# the targets that link it.
function(sluice_library name)
  add_library(${name} STATIC ${ARGN})
  target_include_directories(${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/include)
  sluice_compile_options(${name})
  if(SLUICE_COVERAGE)
    # Uncalled inline functions count too, as lines without a test.
    target_compile_options(${name} PRIVATE -fkeep-inline-functions)
  endif()
endfunction()

function(sluice_compile_options name)
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
  if(SLUICE_WERROR)
    target_compile_options(${name} PRIVATE -Werror)
  endif()
  # GCC 12 sees overlapping copies in `"text" + std::string` at -O3 (GCC bug 105651).
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(${name} PRIVATE -Wno-restrict)
  endif()
  # The shipped binary contains no path of the build machine.
  target_compile_options(${name} PRIVATE
    $<$<CONFIG:Release>:-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.>
    # The linker drops what is not called, function by function.
    $<$<CONFIG:Release>:-ffunction-sections> $<$<CONFIG:Release>:-fdata-sections>)
  if(SLUICE_COVERAGE)
    target_compile_options(${name} PRIVATE --coverage -fprofile-update=atomic)
    target_link_options(${name} PUBLIC --coverage)
  endif()
  if(SLUICE_SANITIZE)
    target_compile_options(${name} PRIVATE -fsanitize=${SLUICE_SANITIZE} -fno-omit-frame-pointer
                                           -fno-sanitize-recover=all)
    target_link_options(${name} PUBLIC -fsanitize=${SLUICE_SANITIZE})
  endif()
endfunction()

# sluice_addon_link_options(TARGET): link options of a Node addon.
# - nodelete: Node unloads an addon that only a worker loaded, while our native threads still need its code.
# - the version script exports only Node-API's entry points, so nothing clashes with Node's own copies.
# - static libstdc++, shared libgcc: the binary runs with an older libstdc++; static libgcc would need a newer glibc.
function(sluice_addon_link_options name)
  set_target_properties(${name} PROPERTIES PREFIX "" SUFFIX ".node" OUTPUT_NAME sluice)
  if(APPLE)
    target_link_options(${name} PRIVATE -Wl,-undefined,dynamic_lookup)
    return()
  endif()
  set(exports "${PROJECT_SOURCE_DIR}/scripts/cmake/addon.map")
  target_link_options(${name} PRIVATE "-Wl,--version-script=${exports}" -Wl,-z,nodelete -Wl,-z,now
                                      -Wl,--as-needed -Wl,--gc-sections)
  set_target_properties(${name} PROPERTIES LINK_DEPENDS "${exports}")
  if(NOT SLUICE_SANITIZE)
    target_link_options(${name} PRIVATE -static-libstdc++ $<$<CONFIG:Release>:-s>)
  endif()
endfunction()

# sluice_count_lua_lines(VARIABLE): VARIABLE names a Lua script. In a coverage build it then names a
# copy that logs its lines as they run (scripts/coverage/probe-lua.mjs).
function(sluice_count_lua_lines variable)
  if(NOT SLUICE_COVERAGE)
    return()
  endif()
  set(plain "${${variable}}")
  set(probed "${CMAKE_CURRENT_BINARY_DIR}/probed.lua")
  set(program "${PROJECT_SOURCE_DIR}/scripts/coverage/probe-lua.mjs")
  add_custom_command(
    OUTPUT "${probed}"
    COMMAND node "${program}" "${plain}" "${probed}" "${CMAKE_CURRENT_BINARY_DIR}/lua-lines.json"
    DEPENDS "${plain}" "${program}"
    VERBATIM)
  set(${variable} "${probed}" PARENT_SCOPE)
endfunction()
