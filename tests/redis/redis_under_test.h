// A Redis server as the shared vectors, traces and the store contract ask it.
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

/// 32 hexadecimal digits, as the limiter makes them.
std::string HolderText(HolderId holder);

/// AppendDigest alone: what stands for an id and for what is asked under it.
std::string DigestOf(std::string_view text);

/// DecideByReply, with marks as a memory store has them. Throws std::logic_error where the fast
/// path decides otherwise than the general one.
bool DecideFrom(const redis::Request& request, const redis::Completion& completion,
                std::span<Decision> decisions);

/// Whether the script can tell what a mark from DecideFrom names. That of a TAT is told it modulo
/// 9,000,000 s only, and a charge can reach 100 days ahead, so that four days are left for the
/// past: long after what was charged has drained, so whoever asks later has nothing to give back.
bool StillKnown(const Policy& policy, std::int64_t mark, Nanos now);

/// The request for such a question.
redis::Request RequestFor(redis::Request::Kind kind,
                          const std::shared_ptr<const redis::PolicySet>& set, std::string_view key,
                          const Subject::Question& question);

/// One key.
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
