# Writes a C++ file that holds a text file: cmake -D INPUT=... -D OUTPUT=... -D NAME=... -P embed.cmake
file(READ "${INPUT}" text)
string(FIND "${text}" ")lua\"" delimiter)
if(NOT delimiter EQUAL -1)
  message(FATAL_ERROR "${INPUT} contains the delimiter that embeds it")
endif()
file(WRITE "${OUTPUT}" "// Generated from a script; edit that instead.
#include <string_view>

namespace sluice::redis {
extern const std::string_view ${NAME};
const std::string_view ${NAME} = R\"lua(${text})lua\";
}  // namespace sluice::redis
")
