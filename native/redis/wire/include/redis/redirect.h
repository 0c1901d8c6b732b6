// A redirection to another node of a cluster.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::redis {

struct Redirect {
  enum class Kind : std::uint8_t {
    kMoved,     ///< the slot belongs to that node
    kAsk,       ///< the slot is moving there: ask there, after ASKING, this time
    kTryAgain,  ///< the slot is moving, with keys on both nodes; or it has no owner
  };
  Kind kind = Kind::kTryAgain;
  std::uint16_t slot = 0;  ///< kMoved, kAsk
  std::string host;        ///< empty: the host of the redirecting node
  std::uint16_t port = 0;  ///< kMoved, kAsk: not 0
};

/// Reads an error's text, of a command or from inside the script. Not set if it is not a valid
/// redirection.
std::optional<Redirect> ReadRedirect(std::string_view error);

}  // namespace sluice::redis
