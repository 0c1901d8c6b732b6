#include "redis/router_driver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "support/policies.h"

namespace sluice::redis {

std::shared_ptr<const PolicySet> Buckets(int count) {
  std::vector<Policy> policies;
  for (int i = 0; i < count; ++i) {
    policies.push_back(
        testing::BucketPolicy("p" + std::to_string(i), 10, 1, std::chrono::seconds(1)));
  }
  return std::make_shared<const PolicySet>(std::move(policies), "p");
}

RouterDriver::RouterDriver(const ServerSet& set, std::uint64_t seed, const Router::Options& options)
    : router(Router::Make(set, options, seed, now)) {}

std::uint64_t RouterDriver::Check(std::string_view key, Nanos timeout, int policies) {
  Request request = Make(Request::Kind::kCheck, key, timeout);
  request.set = Buckets(policies);
  return Submit(std::move(request));
}

void RouterDriver::SubmitAll(std::span<Request> requests) {
  router->Submit(requests, now);
  router->Advance(now);
}

bool RouterDriver::Follow(const std::function<bool(std::uint16_t port)>& up) {
  router->Advance(now);
  const auto& wanted = router->protocols();
  std::erase_if(lines, [&](const auto& line) {
    return std::ranges::find(wanted, line->protocol) == wanted.end() ||
           line->protocol->WantedConnection() != line->attempt;
  });
  const auto copy = wanted;
  bool any = false;
  for (const auto& protocol : copy) {
    const std::uint64_t attempt = protocol->WantedConnection();
    const auto has = [&](const auto& line) { return line->protocol == protocol; };
    if (attempt == 0 || std::ranges::any_of(lines, has)) continue;
    any = true;
    if (!up(protocol->endpoint().port)) {
      protocol->OnLost("connection refused", now);
      continue;
    }
    lines.push_back(std::make_unique<Line>(
        Line{.protocol = protocol, .attempt = attempt, .replies = {}, .asking = false}));
    protocol->OnConnected(now);
  }
  router->Advance(now);
  return any;
}

bool RouterDriver::Hear(Line& line, const Server& server) {
  const std::string output(line.protocol->Output());
  line.protocol->OnWritten(output.size());
  for (const SentCommand& command : ParseCommands(output)) {
    if (command[0] == "ASKING") {
      line.asking = !refuses_asking;
      line.replies += refuses_asking ? "-NOPERM may not run 'asking'\r\n" : "+OK\r\n";
      continue;
    }
    if (command[0] == "SCRIPT") {
      line.replies += "$40\r\n" + std::string(kSha) + "\r\n";
    } else if (command[0] == "PING") {
      line.replies += "+PONG\r\n";
    } else {
      line.replies += server(line, command);
    }
    line.asking = false;
  }
  return !output.empty();
}

bool RouterDriver::Say(Line& line, std::size_t count) {
  const std::string said = line.replies.substr(0, count);
  line.replies.erase(0, count);
  if (said.empty() || line.protocol->WantedConnection() != line.attempt) return false;
  // In the pieces that a connection reads.
  constexpr std::size_t kPiece = 65536;
  for (std::string_view rest = said; !rest.empty();
       rest.remove_prefix(std::min(kPiece, rest.size()))) {
    line.protocol->OnBytes(rest.substr(0, kPiece), now);
    if (line.protocol->WantedConnection() != line.attempt) break;
  }
  return true;
}

void RouterDriver::Run(const Server& server, const std::function<bool(std::uint16_t port)>& up) {
  for (int round = 0; round < 200; ++round) {
    bool any = Follow(up);
    // Replies may add lines while this runs. NOLINTNEXTLINE(modernize-loop-convert)
    for (std::size_t i = 0; i < lines.size(); ++i) {
      any = Hear(*lines[i], server) || any;
      any = Say(*lines[i], std::string::npos) || any;
    }
    router->Advance(now);
    if (!any) return;
  }
}

void RouterDriver::Cut(std::uint16_t port) {
  std::erase_if(lines, [&](const auto& line) {
    if (line->port() != port) return false;
    if (line->protocol->WantedConnection() == line->attempt) {
      line->protocol->OnLost("gone", now);
    }
    return true;
  });
  router->Advance(now);
}

std::string FullReply(const SentCommand& evalsha) {
  const std::size_t keys = std::stoul(evalsha.at(2));
  std::string reply = "*" + std::to_string(keys + 1) + "\r\n:1\r\n";
  for (std::size_t i = 0; i < keys; ++i) reply += ":0\r\n";
  return reply;
}

std::string TagOf(const std::string& name) {
  const std::size_t open = name.find('{');
  return name.substr(open + 1, name.find('}') - open - 1);
}

std::string SlotsReply(const std::vector<ModelRange>& ranges) {
  std::string reply = "*" + std::to_string(ranges.size()) + "\r\n";
  for (const auto& [first, last, host, port] : ranges) {
    reply += "*3\r\n:" + std::to_string(first) + "\r\n:" + std::to_string(last) + "\r\n*3\r\n$" +
             std::to_string(host.size()) + "\r\n" + host + "\r\n:" + std::to_string(port) +
             "\r\n$2\r\nid\r\n";
  }
  return reply;
}

ServerSet ClusterOf(std::uint16_t seed_port) {
  Endpoint seed;
  seed.host = "h";
  seed.port = seed_port;
  return ServerSet::Cluster({seed}, Endpoint{});
}

}  // namespace sluice::redis
