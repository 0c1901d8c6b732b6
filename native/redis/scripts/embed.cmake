# Writes a C++ file that holds a Lua script and its SHA-1: cmake -D INPUT=... -D OUTPUT=... -D NAME=... -P embed.cmake
file(READ "${INPUT}" text)
string(FIND "${text}" ")lua\"" delimiter)
if(NOT delimiter EQUAL -1)
  message(FATAL_ERROR "${INPUT} contains the delimiter that embeds it")
endif()
# Every new server is sent the script: half of it is comments and indentation. Lines stay where they are.
string(REGEX REPLACE "\n *--[^\n]*" "\n" text "\n${text}")
string(REGEX REPLACE "\n +" "\n" text "${text}")
string(SUBSTRING "${text}" 1 -1 text)
string(SHA1 sha "${text}")
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
extern const std::string_view ${NAME}Sha;
const std::string_view ${NAME}Sha = \"${sha}\";
}  // namespace sluice::redis
")
