# Puts a script together and writes it as such and as a C++ file:
#   cmake -D INPUT=check.lua -D SCRIPT=... -D OUTPUT=... -D NAME=... -P embed.cmake
# A line "-- @include other.lua" stands for that file, which lies beside the one that says it.
cmake_policy(SET CMP0007 NEW)
get_filename_component(folder "${INPUT}" DIRECTORY)
file(READ "${INPUT}" text)
while(text MATCHES "\n( *)-- @include ([a-z_]+\\.lua)\n")
  set(line "${CMAKE_MATCH_0}")
  set(indent "${CMAKE_MATCH_1}")
  file(READ "${folder}/${CMAKE_MATCH_2}" part)
  string(REGEX REPLACE "\n$" "" part "${part}")
  string(REGEX REPLACE "\n([^\n])" "\n${indent}\\1" part "\n${part}")
  string(REPLACE "${line}" "${part}\n" text "${text}")
endwhile()
string(FIND "${text}" ")lua\"" delimiter)
if(NOT delimiter EQUAL -1)
  message(FATAL_ERROR "${INPUT} contains the delimiter that embeds it")
endif()
file(WRITE "${SCRIPT}" "${text}")
# A compiler need not take more than 64 KiB in one literal; neighbours become one.
string(LENGTH "${text}" length)
set(literals "")
set(at 0)
while(at LESS length)
  string(SUBSTRING "${text}" ${at} 8192 piece)
  string(APPEND literals "\n    R\"lua(${piece})lua\"")
  math(EXPR at "${at} + 8192")
endwhile()
file(WRITE "${OUTPUT}" "// Generated from a script; edit that instead.
#include <string_view>

namespace sluice::redis {
extern const std::string_view ${NAME};
const std::string_view ${NAME} =${literals};
}  // namespace sluice::redis
")
