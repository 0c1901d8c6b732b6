// A Redis server under the shared vectors, traces and the store contract.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "redis/redis_server.h"
#include "redis/request.h"
#include "redis/virtual_redis.h"
#include "store/store_contract.h"
#include "support/subject.h"

namespace sluice::testing {

/// A prefix that no other test of this program uses.
std::string FreshPrefix();

/// 32 hexadecimal digits, as from the limiter.
std::string HolderText(HolderId holder);

/// The digests of an id and of its arguments, by AppendDigest.
std::string DigestOf(std::string_view text);

/// DecideByReply, with marks as in a memory store. Throws std::logic_error if the fast path and
/// the general one decide differently.
bool DecideFrom(const redis::Request& request, const redis::Completion& completion,
                std::span<Decision> decisions);

/// Whether the script can find the charge of a mark from DecideFrom. The mark of a TAT is modulo
/// 9,000,000 s, and a charge can reach 100 days ahead, so four days are left for the past. A
/// charge has long drained by then.
bool StillKnown(const Policy& policy, std::int64_t mark, Nanos now);

/// The request of a question.
redis::Request RequestFor(redis::Request::Kind kind,
                          const std::shared_ptr<const redis::PolicySet>& set, std::string_view key,
                          const Subject::Question& question);

/// One key as a subject.
class RedisSubject final : public Subject {
 public:
  RedisSubject(std::shared_ptr<VirtualRedis> redis, std::string prefix, std::string_view key)
      : redis_(std::move(redis)), prefix_(std::move(prefix)), key_(key) {}

  Nanos tick() const override { return VirtualRedis::kTick; }
  void Use(const std::vector<Policy>& policies) override {
    set_ = std::make_shared<const redis::PolicySet>(policies, prefix_);
  }
  bool Check(const Question& question, Nanos now, std::span<Decision> decisions) override;
  bool Peek(const Question& question, Nanos now, std::span<Decision> decisions) override;
  void Debit(Units units, Nanos now) override;
  void Credit(Units units, Marks marks, Nanos now) override;
  bool Abort(Units units, Marks marks, Nanos now) override;
  bool Release(HolderId holder, Nanos now) override;
  bool Renew(HolderId holder, Nanos now) override;
  void Block(std::span<const std::size_t> which, Nanos span, Nanos now) override;
  void Unblock(std::span<const std::size_t> which, Nanos now) override;
  void Reset(Nanos now) override;
  bool Dropped(std::size_t policy, Nanos now) override;
  bool DroppedBlock(std::size_t policy, Nanos now) override;

 private:
  redis::Request Ask(redis::Request::Kind kind) const;
  redis::Completion Run(const redis::Request& request) const;
  bool Decide(redis::Request::Kind kind, const Question& question, std::span<Decision> decisions);
  bool Change(redis::Request::Kind kind, Units units, Marks marks, Nanos now);
  bool Slot(redis::Request::Kind kind, HolderId holder, Nanos now);
  void SetBlock(redis::Request::Kind kind, std::span<const std::size_t> which, Nanos span,
                Nanos now);

  std::shared_ptr<VirtualRedis> redis_;
  std::string prefix_;
  std::string key_;
  std::shared_ptr<const redis::PolicySet> set_;
};

class RedisUnderTest final : public StoreUnderTest {
 public:
  explicit RedisUnderTest(RedisServer& server)
      : redis_(std::make_shared<VirtualRedis>(server)), prefix_(FreshPrefix()) {}

  std::unique_ptr<Subject> Key(std::string_view key) override {
    return std::make_unique<RedisSubject>(redis_, prefix_, key);
  }

 private:
  std::shared_ptr<VirtualRedis> redis_;
  std::string prefix_;
};

}  // namespace sluice::testing
