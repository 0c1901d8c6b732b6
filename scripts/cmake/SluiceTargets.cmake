# What every target of ours shares: warnings as errors, sanitizers, and one public include folder.

# sluice_library(NAME SOURCES...): a static library whose headers are in ./include and visible only
# to the targets that link it.
function(sluice_library name)
  add_library(${name} STATIC ${ARGN})
  target_include_directories(${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/include)
  sluice_compile_options(${name})
endfunction()

function(sluice_compile_options name)
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
  if(SLUICE_SANITIZE)
    target_compile_options(${name} PRIVATE -fsanitize=${SLUICE_SANITIZE} -fno-omit-frame-pointer
                                           -fno-sanitize-recover=all)
    target_link_options(${name} PUBLIC -fsanitize=${SLUICE_SANITIZE})
  endif()
endfunction()
