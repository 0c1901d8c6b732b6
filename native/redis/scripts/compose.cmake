# Puts a script together: cmake -D INPUT=... -D OUTPUT=... -P compose.cmake
# A line "-- @include other.lua" stands for that file, which lies beside the one that says it.
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
file(WRITE "${OUTPUT}" "${text}")
