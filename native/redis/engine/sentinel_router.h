// Sends all requests to the master that sentinels name.
//
//   * The sentinels are asked in turn (redis/topology_query.h) for the master's address, and that
//     server for its role: it is used only if it says that it is the master.
//   * They are asked again every few seconds, and before each new connection to the master. A
//     master that was down may have been replaced, and would still accept requests when it is back.
//   * When they name another one, requests not yet written to the former master go to it. A request
//     that a server refused because it is no longer a master is retried after some ms.
//   * While no master is known, or it was lost and none is confirmed, checks fail at once.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "redis/router.h"

namespace sluice::redis {

class SentinelRouter final : public Router {
 public:
  SentinelRouter(ServerSet set, Options options, std::uint64_t seed, Nanos now);

  void Submit(std::span<Request> requests, Nanos now) override;
  void Advance(Nanos now) override;

 private:
  Nanos OwnTime() const override;

  void Place(std::vector<Request> requests, Nanos now);
  void TakeBack(Nanos now);
  void LetGo(Nanos now);

  void Refresh(Nanos soon);
  void FollowQueries(Nanos now);
  void AskForRole(const TopologyQuery::Answer& answer, Nanos now);
  void Confirm(const Endpoint& master, Nanos now);
  void NoMaster(const std::string& why, Nanos now);

  const ServerSet set_;
  std::shared_ptr<ServerSession> master_;  // null: none found yet
  std::vector<std::shared_ptr<ServerSession>>
      former_;                // until their requests in flight are answered
  bool confirmed_ = false;    // master_ may connect
  std::uint64_t losses_ = 0;  // losses of master_ handled so far
  std::string lost_;          // if not empty: why there is no master_

  TopologyQuery sentinels_;
  std::set<Endpoint> warned_;  // sentinels that need no password although one was given
  TopologyQuery role_;
  Nanos refresh_at_;       // the time of the next query
  unsigned failures_ = 0;  // queries in a row without a master
  bool changed_ = true;    // protocols() is out of date
};

}  // namespace sluice::redis
