// Reader of redirections.
#include "redis/redirect.h"

#include <charconv>

#include "redis/endpoint.h"
#include "redis/error_reply.h"
#include "redis/slot.h"

namespace sluice::redis {
namespace {

// The script wrote to a key that was moving to another node. Its writes are undone.
constexpr std::string_view kOnItsWay = "non local key";

template <typename Number>
bool ReadWhole(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// "MOVED 3999 127.0.0.1:6381"; an IPv6 address has no brackets.
bool ReadWhere(std::string_view error, Redirect& redirect) {
  const std::size_t first = error.find(' ');
  if (first == std::string_view::npos) return false;
  const std::size_t second = error.find(' ', first + 1);
  if (second == std::string_view::npos) return false;
  std::string_view where = error.substr(second + 1);
  where = where.substr(0, where.find_first_of(" \r\n"));
  const std::size_t colon = where.rfind(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view host = where.substr(0, colon);
  // The node does not know the other one's name.
  const bool nameless = host.empty() || host == "?";
  if (!nameless && !IsHost(host)) return false;
  if (!nameless) redirect.host = host;
  return ReadWhole(error.substr(first + 1, second - first - 1), redirect.slot) &&
         redirect.slot < kSlots && ReadWhole(where.substr(colon + 1), redirect.port) &&
         redirect.port != 0;
}

}  // namespace

std::optional<Redirect> ReadRedirect(std::string_view error) {
  const std::string_view code = ErrorCode(error);
  Redirect redirect;
  if (code == "MOVED" || code == "ASK") {
    redirect.kind = code == "ASK" ? Redirect::Kind::kAsk : Redirect::Kind::kMoved;
    if (!ReadWhere(error, redirect)) return std::nullopt;
    return redirect;
  }
  const bool unserved =
      code == "CLUSTERDOWN" && error.find("slot not served") != std::string_view::npos;
  if (code == "TRYAGAIN" || unserved || error.find(kOnItsWay) != std::string_view::npos) {
    return redirect;
  }
  return std::nullopt;
}

}  // namespace sluice::redis
