// The release for a check whose answer came too late.
#include "redis/request_rules.h"

#include <chrono>
#include <memory>
#include <span>

namespace sluice::redis {
namespace {

// A slot expires in any case.
constexpr Nanos kGiveBack = std::chrono::seconds(5);

class NobodySink final : public Sink {
 public:
  void Deliver(std::span<Finished> /*finished*/) override {}
};

}  // namespace

Request ReleaseOf(Request check, Nanos now) {
  // Never destroyed: an I/O thread may outlive the process's static objects.
  static const auto* const nobody = new std::shared_ptr<Sink>(std::make_shared<NobodySink>());
  const bool reserves = check.kind == Request::Kind::kReserve;
  check.kind = reserves ? Request::Kind::kCancel : Request::Kind::kRelease;
  check.deadline = now + kGiveBack;
  check.ticket = 0;
  check.sink = *nobody;
  return check;
}

}  // namespace sluice::redis
