// Sends all requests to the master that sentinels name.
//
//   * The sentinels are asked in turn (redis/survey.h) for the master's address, and the server
//     there for its role: only one that says it is the master is used.
//   * They are asked again every few seconds, and before each new connection to the master: one
//     that was down may have been replaced, and would take requests all the same when it is back.
//   * When they name another one, what was not written to the former master goes to it. What a
//     server refused because it is no master any more is tried again after some ms.
//   * As long as no master is known, or the one there was is lost and none confirmed, checks fail
//     at once.
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
  void Turn(Nanos now) override;

 private:
  Nanos OwnTime() const override;

  void Place(std::vector<Request> requests, Nanos now);
  void TakeBack(Nanos now);
  void LetGo(Nanos now);

  void Refresh(Nanos soon);
  void FollowSurveys(Nanos now);
  void AskForRole(const Survey::Answer& answer, Nanos now);
  void Confirm(const Endpoint& master, Nanos now);
  void NoMaster(const std::string& why, Nanos now);

  const ServerSet set_;
  std::shared_ptr<ServerSession> master_;               // null: none has been found
  std::vector<std::shared_ptr<ServerSession>> former_;  // until what is under way there is answered
  bool confirmed_ = false;                              // master_ may connect
  std::uint64_t losses_ = 0;                            // of master_, that are known here
  std::string lost_;                                    // if not empty: why there is no master_

  Survey sentinels_;
  std::set<Endpoint> warned_;  // sentinels that asked for no password, though there is one
  Survey role_;
  Nanos refresh_at_;      // when to ask the sentinels
  unsigned in_vain_ = 0;  // times in a row that they named no master
  bool changed_ = true;   // conversations() is not what it should be
};

}  // namespace sluice::redis
