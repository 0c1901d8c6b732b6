// Drives a Router by hand: plays the network and the clock, and lets a test act as the servers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "redis/router.h"
#include "redis/server_session_driver.h"

namespace sluice::redis {

class RouterDriver : public RequestDriver {
 public:
  /// A connection that a server has accepted.
  struct Line {
    std::shared_ptr<Protocol> protocol;
    std::uint64_t attempt = 0;  // of the protocol
    std::string replies;        // not received yet
    bool asking = false;        // the last command was ASKING, and it was accepted
    std::uint16_t port() const { return protocol->endpoint().port; }
  };
  /// A server's reply to a command; empty: none.
  using Server = std::function<std::string(Line&, const SentCommand&)>;

  explicit RouterDriver(const ServerSet& set, std::uint64_t seed = 1,
                        const Router::Options& options = {});

  /// Checks `key` with one unit under `policies` buckets. Returns the ticket.
  std::uint64_t Check(std::string_view key, Nanos timeout = 100 * kMillisecond, int policies = 1);
  void SubmitAll(std::span<Request> requests) override;

  /// Accepts wanted connections to servers that are `up` and refuses the others; passes commands
  /// and replies on until nothing more happens.
  void Run(const Server& server, const std::function<bool(std::uint16_t port)>& up);
  /// The parts of Run.
  bool Follow(const std::function<bool(std::uint16_t port)>& up);
  bool Hear(Line& line, const Server& server);
  bool Say(Line& line, std::size_t count);
  /// The connections of a server are lost.
  void Cut(std::uint16_t port);
  void Advance() { router->Advance(now); }

  std::unique_ptr<Router> router;
  std::vector<std::unique_ptr<Line>> lines;
  bool refuses_asking = false;  // on all servers

 private:
  Nanos NextTime() const override { return router->NextTime(); }
  void OnTime() override { router->OnTime(now); }
  std::vector<Delivery> TakeDeliveries() override { return router->TakeDeliveries(); }
};

/// Buckets of 10 units that gain one unit per second, named p0, p1 ...
std::shared_ptr<const PolicySet> Buckets(int count);

/// A reply of the script to an EVALSHA: every state was new.
std::string FullReply(const SentCommand& evalsha);
/// The text between the braces of a name.
std::string TagOf(const std::string& name);

struct ModelRange {
  int first = 0;
  int last = 0;
  std::string host;
  std::uint16_t port = 0;
};
/// A reply to CLUSTER SLOTS.
std::string SlotsReply(const std::vector<ModelRange>& ranges);

/// The server set of a cluster with one known node.
ServerSet ClusterOf(std::uint16_t seed_port);

}  // namespace sluice::redis
