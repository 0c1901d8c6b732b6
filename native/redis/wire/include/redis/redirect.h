// A redirection to another node of a cluster.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::redis {

struct Redirect {
  enum class Kind : std::uint8_t {
    kMoved,     ///< the slot is over there
    kAsk,       ///< the slot is being moved there: ask there, after ASKING, for this once
    kTryAgain,  ///< the slot is being moved, and its keys are on both sides; or nobody has it
  };
  Kind kind = Kind::kTryAgain;
  std::uint16_t slot = 0;  ///< kMoved, kAsk
  std::string host;        ///< empty: that of the node which said this
  std::uint16_t port = 0;  ///< kMoved, kAsk: not 0
};

/// Reads an error's text, of a command or from inside the script. Not set if it is not a valid
/// redirection.
std::optional<Redirect> ReadRedirect(std::string_view error);

}  // namespace sluice::redis
