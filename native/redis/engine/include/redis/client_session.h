// Requests through a user's client (ioredis, node-redis ...), as a state machine. Input: requests,
// replies and the time. Output: commands for the client, and finished requests.
//
// It owns no socket, thread or clock, and its only randomness is its seed, so that tests can drive
// it. Not thread safe.
//
// Requests go through a pipeline (redis/pipeline.h). The differences to a connection of ours:
//   * The client connects, reconnects, queues and, on a cluster, finds the node. Commands may be
//     answered in any order, or never.
//   * On a cluster each slot has a lane, and a breaker belongs to the node that has the slot, by
//     the client's map. So a dead node blocks only its own slots, and is detected once for all of
//     them.
//   * A client may keep a command for ever, and execute it long after its deadline. While the
//     breaker is open, at most `max_abandoned` commands of a lane are left with it.
//   * A command that the client reports as failed may have been executed: only repeatable requests
//     are sent again.
//   * If a node refuses a command because the slot is moving, and the client passes that on, each
//     of its requests is retried alone after a moment, until its deadline.
//   * Limiters' metadata (redis/metadata.h) is sent after replies: only then is the client known
//     to be connected.
//   * If the server does not know the script, or refuses EVALSHA, the batch is sent again with the
//     script's text. That needs no command to a single node, which a cluster's client may not have.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/time.h"
#include "redis/metadata.h"
#include "redis/pipeline.h"
#include "redis/reply.h"
#include "redis/request.h"
#include "redis/script.h"
#include "redis/stats.h"

namespace sluice::redis {

class ClientSession final : private Pipeline::Session {
 public:
  struct Options {
    bool cluster = false;  ///< a command's keys must share a slot
    /// For a cluster: the number of the node that has a slot now, by the client's map. Without it
    /// each slot counts as a separate node.
    std::function<std::uint32_t(std::uint16_t slot)> node_of{};
    Pipeline::Options pipeline{};
    std::shared_ptr<MetadataList> metadata = nullptr;  ///< to publish; null: none
  };

  /// A command for the client.
  struct Command {
    std::uint64_t id = 0;             ///< returned with the reply
    std::string_view name;            ///< in lower case
    std::vector<std::string> pieces;  ///< its arguments, in ASCII
    std::size_t first_key = 0;        ///< in `pieces`
    Nanos deadline{0};                ///< the last request's
  };

  ClientSession(Options options, std::uint64_t seed);

  // ---- In. `now` never decreases and is on the clock of the requests' deadlines.

  /// Takes requests over; they are moved from.
  void Submit(std::span<Request> requests, Nanos now) { pipeline_.Submit(requests, now); }
  /// The reply to a command, errors of the server included.
  void OnReply(std::uint64_t id, const Reply& reply, Nanos now);
  /// The client has dropped the command. `why` is for people and contains no secrets.
  void OnLost(std::uint64_t id, std::string_view why, Nanos now);
  /// Call when NextTime() has come, after all available replies have been passed in.
  void OnTime(Nanos now);
  /// Answers everything with kClosed. Afterwards only TakeDeliveries may be called.
  void Close();

  // ---- Out.

  /// The commands to send, in order.
  std::vector<Command> TakeCommands() { return std::exchange(commands_, {}); }
  /// The time for OnTime; kNever if there is none.
  Nanos NextTime() const { return pipeline_.NextTime(); }
  std::vector<Delivery> TakeDeliveries() { return pipeline_.TakeDeliveries(); }
  /// `breaker` is the worst of all nodes'.
  SessionStats stats() const;
  /// Its states since the last call, in order.
  std::vector<BreakerState> TakeBreakerChanges() { return pipeline_.TakeBreakerChanges(); }
  /// Policies that clash (redis/metadata.h): since the last call, and all.
  std::vector<Warning> TakeWarnings() { return metadata_.TakeNews(); }
  const std::vector<Warning>& warnings() const { return metadata_.warnings(); }
  const LatencyHistogram& latency() const { return pipeline_.latency(); }

 private:
  // Pipeline::Session.
  std::uint32_t NodeOf(std::uint16_t slot) const override;
  void Send(std::uint64_t id, const Pipeline::Command& command, Nanos now) override;
  Pipeline::ScriptStep OnUnknownScript(std::string_view error, bool refused, Nanos now) override;
  Pipeline::Advice AdviceOn(const Pipeline::Command& command,
                            std::string_view error) const override;
  void OnRefused(const Pipeline::Command& command, const Pipeline::Refusal& refusal,
                 Nanos now) override;
  void OnNonsense(const Pipeline::Command& command, Nanos now) override;

  void PublishMetadata(Nanos now);

  const Options options_;
  const std::string sha_;
  std::string refusal_;  // the last refusal of EVALSHA
  std::mt19937_64 random_;
  Pipeline pipeline_;
  std::vector<Command> commands_;
  MetadataPublisher metadata_;
  std::uint64_t metadata_id_ = 0;  // of its last command
  std::uint64_t script_reloads_ = 0;
  ScriptCall call_;
};

}  // namespace sluice::redis
