// Takes a URL apart.
#include "redis/endpoint.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace sluice::redis {
namespace {

using Part = UrlFault::Part;

constexpr std::string_view kHexDigits = "0123456789abcdef";

int HexValue(char c) {
  const char lower = (c >= 'A' && c <= 'F') ? static_cast<char>(c - 'A' + 'a') : c;
  const std::size_t at = kHexDigits.find(lower);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = HexValue(text[i + 1]);
    const int low = HexValue(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return decoded;
}

// Digits only, in [least, most].
template <typename Number>
bool ReadNumber(std::string_view text, Number least, Number most, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number >= least &&
         number <= most;
}

bool IsIpv6(const std::string& host) {
  if (host.find('\0') != std::string::npos) return false;
  std::array<unsigned char, 16> address;
  return inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

bool IsHostName(std::string_view host) {
  return !host.empty() && host.size() <= 253 && std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  });
}

class Parser {
 public:
  explicit Parser(UrlFault& fault) : fault_(fault) {}

  bool Parse(std::string_view url) {
    if (!Scheme(url)) return false;
    if (url.find_first_of("?#") != std::string_view::npos) {
      return Refuse(Part::kQuery,
                    "nothing may follow the database: no '?' and no '#' (in a "
                    "password, write %3F and %23)");
    }
    const std::size_t slash = url.find('/');
    std::string_view authority = url.substr(0, slash);
    const std::size_t at = authority.rfind('@');
    if (at != std::string_view::npos) {
      if (!Credentials(authority.substr(0, at))) return false;
      authority.remove_prefix(at + 1);
    }
    return HostAndPort(authority) &&
           (slash == std::string_view::npos || Database(url.substr(slash + 1)));
  }

  Endpoint endpoint;

 private:
  bool Refuse(Part part, std::string_view reason) {
    fault_ = {part, std::string(reason)};
    return false;
  }

  bool Scheme(std::string_view& url) {
    constexpr std::string_view kScheme = "redis://";
    if (url.starts_with("rediss://")) {
      return Refuse(Part::kScheme, "TLS (rediss://) is not supported yet");
    }
    if (url.starts_with("redis+unix://") || url.starts_with("unix://")) {
      return Refuse(Part::kScheme, "unix sockets are not supported yet");
    }
    if (!url.starts_with(kScheme)) return Refuse(Part::kScheme, "the URL must begin redis://");
    url.remove_prefix(kScheme.size());
    return true;
  }

  bool Credentials(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) {
      return Refuse(Part::kPassword, "a user needs a password: redis://user:password@host");
    }
    auto user = PercentDecode(text.substr(0, colon));
    if (!user) return Refuse(Part::kUser, "a '%' in the user must begin two hexadecimal digits");
    auto password = PercentDecode(text.substr(colon + 1));
    if (!password) {
      return Refuse(Part::kPassword, "a '%' in the password must begin two hexadecimal digits");
    }
    endpoint.user = std::move(*user);
    endpoint.password = std::move(*password);
    return true;
  }

  bool HostAndPort(std::string_view text) {
    std::string_view port;
    if (text.starts_with('[')) {
      const std::size_t close = text.find(']');
      if (close == std::string_view::npos) return Refuse(Part::kHost, "the host lacks its ']'");
      endpoint.host = text.substr(1, close - 1);
      if (!IsIpv6(endpoint.host)) {
        return Refuse(Part::kHost, "what stands in brackets must be an IPv6 address");
      }
      text.remove_prefix(close + 1);
      if (text.empty()) return true;
      if (!text.starts_with(':')) return Refuse(Part::kHost, "only a port may follow the ']'");
      port = text.substr(1);
    } else {
      const std::size_t colon = text.find(':');
      endpoint.host = text.substr(0, colon);
      if (!IsHostName(endpoint.host)) {
        return Refuse(Part::kHost,
                      "the host must be a name or an address (IPv6 in brackets); a '/', '@' or ':' "
                      "in a user or password must be percent-encoded");
      }
      if (colon == std::string_view::npos) return true;
      port = text.substr(colon + 1);
    }
    if (!ReadNumber<std::uint16_t>(port, 1, 65535, endpoint.port)) {
      return Refuse(Part::kPort, "the port must be a whole number from 1 to 65535");
    }
    return true;
  }

  bool Database(std::string_view text) {
    if (text.empty()) return true;
    if (!ReadNumber<std::int32_t>(text, 0, INT32_MAX, endpoint.database) || text[0] == '-') {
      return Refuse(Part::kDatabase, "the database must be a whole number from 0");
    }
    return true;
  }

  UrlFault& fault_;
};

}  // namespace

std::string Endpoint::Address() const {
  const bool brackets = host.find(':') != std::string::npos;
  return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool ParseUrl(std::string_view url, Endpoint& endpoint, UrlFault& fault) {
  fault = {};
  Parser parser(fault);
  if (!parser.Parse(url)) return false;
  endpoint = std::move(parser.endpoint);
  return true;
}

}  // namespace sluice::redis
