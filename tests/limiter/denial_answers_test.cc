// Denials that a limiter over Redis repeats by itself, and the changes that end them.
#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "limiter/redis_limiter_fixture.h"

namespace sluice::testing {
namespace {

class DenialAnswers : public RedisLimiterTest {
 protected:
  bool IsDeniedAtOnce(RedisLimiter& limiter, const RedisLimiter::Key& key = {.one = "k"}) {
    const auto answer = Ask(limiter, CheckOf(1), key);
    if (!answer) {
      limiter.Flush();
      backend_->pending.clear();
      return false;
    }
    EXPECT_TRUE(answer->decided);
    EXPECT_FALSE(answer->result.allowed);
    EXPECT_EQ(answer->result.source, Source::kCache);
    return true;
  }
};

TEST_F(DenialAnswers, RepeatADenialCountedDownForASecond) {
  const auto limiter = Make();
  Deny(*limiter);
  clock_->Advance(milliseconds(300));
  const auto answer = Ask(*limiter, CheckOf(1), {.one = "k"}, 9);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->ticket, 9U);
  EXPECT_EQ(answer->result.source, Source::kCache);
  EXPECT_EQ(answer->result.decisions[0].retry_after, milliseconds(700));
  EXPECT_EQ(limiter->Flush(), 0U) << "Redis was asked too";
  clock_->Advance(milliseconds(700));
  EXPECT_FALSE(IsDeniedAtOnce(*limiter));
}

TEST_F(DenialAnswers, AreOnlyForTheSameKeyAndShardAndNoLowerCost) {
  const auto limiter = Make();
  EXPECT_FALSE(AskRedis(*limiter, CheckOf(2), seconds(4)).result.allowed);
  EXPECT_TRUE(Ask(*limiter, CheckOf(2)));
  EXPECT_TRUE(Ask(*limiter, CheckOf(3)));
  EXPECT_FALSE(Ask(*limiter, PeekOf(2)));
  EXPECT_FALSE(Ask(*limiter, CheckOf(2), {.one = "other"}));
  EXPECT_FALSE(Ask(*limiter, CheckOf(2), {.one = "k", .shard = "s"}));
  EXPECT_FALSE(Ask(*limiter, CheckOf(1)));
  EXPECT_FALSE(Ask(*limiter, CheckOf(2))) << "the lower cost ended the denial";
}

TEST_F(DenialAnswers, AreNotForChecksWithOptionsWhichEndThem) {
  Operation::Options limited;
  limited.limits[0] = 9;
  for (const Operation::Options& options :
       {limited, Operation::Options{.max_wait = seconds(1)}, Operation::Options{.id = "id"}}) {
    const auto limiter = Make();
    Deny(*limiter);
    EXPECT_FALSE(Ask(*limiter, With(Kind::kCheck, 1, options)));
    EXPECT_FALSE(Ask(*limiter, CheckOf(1)));
  }
}

TEST_F(DenialAnswers, NoneWithoutACacheOrForPoliciesThatChargeDenials) {
  auto off = Defaults();
  off.denial_cache = false;
  auto charging = Defaults();
  charging.policies[0].charge_denied = true;
  charging.local_policies = charging.policies;
  for (const auto& options : {off, charging}) {
    const auto limiter = Make(options);
    Deny(*limiter);
    EXPECT_FALSE(IsDeniedAtOnce(*limiter));
  }
}

TEST_F(DenialAnswers, NoneFromAnOutage) {
  const auto limiter = Make();
  AskInVain(*limiter, CheckOf(5));
  EXPECT_FALSE(AskInVain(*limiter, CheckOf(1)).result.allowed);
  EXPECT_FALSE(IsDeniedAtOnce(*limiter)) << "the store was not asked whether it is back";
}

TEST_F(DenialAnswers, EndWithAChangeInAnyLimiterOfTheProcess) {
  for (const Kind kind : {Kind::kReset, Kind::kCredit, Kind::kDebit, Kind::kUnblock}) {
    const auto limiter = Make();
    auto options = Defaults();
    options.denial_cache = false;
    const auto changing = Make(options);
    Deny(*limiter);
    Deny(*limiter, {.one = "other"});
    Ask(*changing, With(kind, 1, {}));
    EXPECT_FALSE(IsDeniedAtOnce(*limiter)) << "from the call on, sent or not";
    EXPECT_TRUE(IsDeniedAtOnce(*limiter, {.one = "other"}));
  }
}

TEST_F(DenialAnswers, KnowNothingOfChangesInAnotherProcess) {
  const auto limiter = Make();
  auto options = Defaults();
  options.changes = std::make_shared<KeyChanges>();
  const auto elsewhere = Make(options);
  Deny(*limiter);
  Deny(*elsewhere);
  AskRedis(*elsewhere, Plain(Kind::kReset));
  EXPECT_FALSE(IsDeniedAtOnce(*elsewhere));
  EXPECT_TRUE(IsDeniedAtOnce(*limiter));
}

TEST_F(DenialAnswers, AreNotKeptOfAnAnswerFromBeforeAChange) {
  const auto limiter = Make();
  const auto changing = Make();
  // Sent before the change, answered after it.
  Ask(*limiter, CheckOf(1));
  limiter->Flush();
  Ask(*changing, Plain(Kind::kReset));
  backend_->Reply(seconds(5));
  EXPECT_FALSE(answers_->Take().result.allowed);
  EXPECT_FALSE(IsDeniedAtOnce(*limiter));

  // Sent and answered while the change is in flight.
  changing->Flush();
  Ask(*limiter, CheckOf(1));
  limiter->Flush();
  std::swap(backend_->pending[0], backend_->pending[1]);
  backend_->Reply(seconds(5));
  EXPECT_TRUE(Ask(*limiter, CheckOf(1)));
  backend_->Reply();
  EXPECT_FALSE(IsDeniedAtOnce(*limiter)) << "the change may have come after that check";
}

TEST_F(DenialAnswers, EndWithAChangeThatFailed) {
  const auto limiter = Make();
  const auto changing = Make();
  Ask(*changing, Plain(Kind::kReset));
  changing->Flush();
  Ask(*limiter, CheckOf(1));
  limiter->Flush();
  std::swap(backend_->pending[0], backend_->pending[1]);
  backend_->Reply(seconds(5));
  EXPECT_TRUE(Ask(*limiter, CheckOf(1)));
  backend_->Fail(redis::Fault::kTimeout);
  EXPECT_FALSE(IsDeniedAtOnce(*limiter)) << "it may have been made all the same";
}

}  // namespace
}  // namespace sluice::testing
