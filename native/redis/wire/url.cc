// Parser of Redis URLs.
#include "redis/url.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace sluice::redis {
namespace {

using Part = UrlFault::Part;

constexpr std::string_view kHexDigits = "0123456789abcdef";

char Lower(char c) { return (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c; }

int HexValue(char c) {
  const std::size_t at = kHexDigits.find(Lower(c));
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
  return IsHost(host) && host.find_first_of(":%") == std::string_view::npos;
}

class Parser {
 public:
  explicit Parser(UrlFault& fault) : fault_(fault) {}

  bool Parse(std::string_view text) {
    if (!Scheme(text)) return false;
    return unix_ ? SocketAndDatabase(text) : ServerAndDatabase(text);
  }

  Url url;

 private:
  bool Refuse(Part part, std::string_view reason) {
    fault_ = {part, std::string(reason)};
    return false;
  }

  bool Scheme(std::string_view& text) {
    // RFC 3986, 3.1: schemes are case-insensitive.
    const auto take = [&text](std::string_view scheme) {
      if (!std::ranges::equal(text.substr(0, scheme.size()), scheme, {}, Lower)) return false;
      text.remove_prefix(scheme.size());
      return true;
    };
    if (take("redis://") || take("valkey://")) return true;
    if (take("rediss://") || take("valkeys://")) return url.tls = true;
    if (take("redis+unix://")) return unix_ = true;
    return Refuse(Part::kScheme, "the URL must begin with redis://, rediss:// or redis+unix://");
  }

  // [[user]:password@]host[:port][/database][?query]
  bool ServerAndDatabase(std::string_view text) {
    if (text.find('#') != std::string_view::npos) {
      return Refuse(Part::kQuery, "it must hold no '#' (in a password, write %23)");
    }
    const std::string_view query = TakeQuery(text);
    const std::size_t slash = text.find('/');
    std::string_view authority = text.substr(0, slash);
    return TakeCredentials(authority) && HostAndPort(authority) &&
           (slash == std::string_view::npos || Database(text.substr(slash + 1))) && Query(query);
  }

  // [[user]:password@]/path[?query]
  bool SocketAndDatabase(std::string_view text) {
    const std::string_view query = TakeQuery(text);
    const std::size_t slash = text.find('/');
    std::string_view authority = text.substr(0, slash);
    if (!TakeCredentials(authority)) return false;
    if (!authority.empty() || slash == std::string_view::npos) {
      return Refuse(Part::kHost,
                    "the socket's path must begin with '/': redis+unix:///run/redis.sock; a '/' "
                    "or '?' in a user or password must be percent-encoded");
    }
    return Path(text.substr(slash)) && Query(query);
  }

  // Cuts the query off, '?' included.
  static std::string_view TakeQuery(std::string_view& text) {
    const std::size_t question = text.find('?');
    if (question == std::string_view::npos) return {};
    const std::string_view query = text.substr(question + 1);
    text = text.substr(0, question);
    return query;
  }

  bool TakeCredentials(std::string_view& authority) {
    const std::size_t at = authority.rfind('@');
    if (at == std::string_view::npos) return true;
    if (!Credentials(authority.substr(0, at))) return false;
    authority.remove_prefix(at + 1);
    return true;
  }

  bool Credentials(std::string_view text) {
    if (text.empty()) return true;
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
    url.endpoint.user = std::move(*user);
    url.endpoint.password = std::move(*password);
    return true;
  }

  bool HostAndPort(std::string_view text) {
    std::string_view port;
    if (text.starts_with('[')) {
      const std::size_t close = text.find(']');
      if (close == std::string_view::npos) return Refuse(Part::kHost, "the host lacks its ']'");
      url.endpoint.host = text.substr(1, close - 1);
      if (!IsIpv6(url.endpoint.host)) {
        return Refuse(Part::kHost, "the text in brackets must be an IPv6 address");
      }
      text.remove_prefix(close + 1);
      if (text.empty()) return true;
      if (!text.starts_with(':')) return Refuse(Part::kHost, "only a port may follow the ']'");
      port = text.substr(1);
    } else {
      const std::size_t colon = text.find(':');
      url.endpoint.host = text.substr(0, colon);
      if (!IsHostName(url.endpoint.host)) {
        return Refuse(Part::kHost,
                      "the host must be a name or an address (IPv6 in brackets); a '/', '@' or ':' "
                      "in a user or password must be percent-encoded");
      }
      if (colon == std::string_view::npos) return true;
      port = text.substr(colon + 1);
    }
    if (!ReadNumber<std::uint16_t>(port, 1, 65535, url.endpoint.port)) {
      return Refuse(Part::kPort,
                    "the port must be a whole number from 1 to 65535; a '/', '@' or ':' in a user "
                    "or password must be percent-encoded");
    }
    return url.port_given = true;
  }

  bool Path(std::string_view text) {
    constexpr std::size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
    auto path = PercentDecode(text);
    if (!path || text.find('#') != std::string_view::npos) {
      return Refuse(Part::kPath,
                    "a '%' in the socket's path must begin two hexadecimal digits, and a '#' be "
                    "written %23");
    }
    if (path->size() > kLongest || path->find('\0') != std::string::npos) {
      return Refuse(Part::kPath, "the socket's path must have at most " + std::to_string(kLongest) +
                                     " bytes, none of them zero");
    }
    url.endpoint.path = std::move(*path);
    return true;
  }

  // db=database and family=0, with '&' between them.
  bool Query(std::string_view text) {
    while (!text.empty()) {
      const std::string_view field = text.substr(0, text.find('&'));
      text.remove_prefix(std::min(text.size(), field.size() + 1));
      constexpr std::string_view kDatabase = "db=";
      // Any address family is the default; other clients need this option.
      if (field.empty() || field == "family=0") continue;
      if (!field.starts_with(kDatabase)) {
        return Refuse(Part::kQuery,
                      "only ?db= with the database, and ?family=0, may follow (in a user, a "
                      "password or a path, write %3F)");
      }
      const std::int32_t before = url.endpoint.database;
      if (!Database(field.substr(kDatabase.size()))) return false;
      if (before != 0 && before != url.endpoint.database) {
        return Refuse(Part::kQuery, "it names two databases");
      }
    }
    return true;
  }

  bool Database(std::string_view text) {
    if (text.empty()) return true;
    if (!ReadNumber<std::int32_t>(text, 0, INT32_MAX, url.endpoint.database) || text[0] == '-') {
      return Refuse(Part::kDatabase, "the database must be a whole number from 0");
    }
    return true;
  }

  UrlFault& fault_;
  bool unix_ = false;
};

}  // namespace

bool ParseUrl(std::string_view text, Url& url, UrlFault& fault) {
  fault = {};
  Parser parser(fault);
  if (!parser.Parse(text)) return false;
  url = std::move(parser.url);
  return true;
}

}  // namespace sluice::redis
