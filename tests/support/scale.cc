// Reads SLUICE_FULL.
#include "support/scale.h"

#include <cstdlib>
#include <string_view>

namespace sluice::testing {

int Steps(int few) {
  const char* full = std::getenv("SLUICE_FULL");
  return full != nullptr && std::string_view(full) == "1" ? 25 * few : few;
}

}  // namespace sluice::testing
