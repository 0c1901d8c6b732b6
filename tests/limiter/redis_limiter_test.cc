// Requests, failure rules, ids and closing of a limiter over Redis.
#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "limiter/redis_limiter_fixture.h"

namespace sluice::testing {
namespace {

TEST_F(RedisLimiterTest, SendsQueuedOperationsTogetherEachWithItsDeadline) {
  const auto limiter = Make();
  EXPECT_EQ(limiter->Flush(), 0U);
  EXPECT_FALSE(Ask(*limiter, CheckOf(2), {.one = "a b"}, 1));
  EXPECT_FALSE(Ask(*limiter, PeekOf(1), {.one = "k"}, 2));
  EXPECT_FALSE(Ask(*limiter, Plain(Kind::kDebit, 3), {.one = "k"}, 3));
  EXPECT_TRUE(backend_->pending.empty()) << "sent before Flush";
  clock_->Advance(kSecond);
  EXPECT_EQ(limiter->Flush(), 3U);
  EXPECT_EQ(backend_->submissions, 1);
  const auto& sent = backend_->pending;
  ASSERT_EQ(sent.size(), 3U);
  EXPECT_EQ(sent[0].key.view(), "a%20b");
  EXPECT_EQ(sent[0].costs[0], 2);
  EXPECT_EQ(sent[1].kind, Kind::kPeek);
  for (const auto& request : sent) EXPECT_EQ(request.asked, clock_->Now());
  // Deadlines count from the moment of sending.
  EXPECT_EQ(sent[0].deadline, clock_->Now() + milliseconds(100));
  EXPECT_EQ(sent[1].deadline, clock_->Now() + milliseconds(100));
  EXPECT_EQ(sent[2].deadline, clock_->Now() + seconds(5));
  for (const std::uint64_t ticket : {1U, 2U, 3U}) {
    backend_->Reply();
    EXPECT_EQ(answers_->Take().ticket, ticket);
  }
}

TEST_F(RedisLimiterTest, DecidesByTheStatesThatRedisRead) {
  const auto limiter = Make();
  const Answer admitted = AskRedis(*limiter, CheckOf(2), seconds(3));
  EXPECT_TRUE(admitted.decided);
  EXPECT_TRUE(admitted.result.allowed);
  EXPECT_EQ(admitted.result.source, Source::kStore);
  EXPECT_EQ(admitted.result.decisions[0].remaining, 0);
  const Answer peeked = AskRedis(*limiter, PeekOf(3), seconds(3));
  EXPECT_FALSE(peeked.result.allowed);
  EXPECT_EQ(peeked.result.decisions[0].remaining, 2);
  EXPECT_EQ(peeked.result.decisions[0].retry_after, kSecond);
  EXPECT_FALSE(AskRedis(*limiter, Plain(Kind::kDebit, 1)).decided);
}

TEST_F(RedisLimiterTest, EscapesEachKeyOfACheckOverSeveralAndItsShard) {
  auto options = Defaults();
  options.policies.push_back(BucketPolicy("b", 5, 1, seconds(1)));
  options.local_policies = options.policies;
  const auto limiter = Make(options);
  Ask(*limiter, CheckOf(1), {.one = "", .each = {"u{1}", ""}, .shard = "t}"});
  limiter->Flush();
  const redis::Request& sent = backend_->pending.at(0);
  ASSERT_NE(sent.keys, nullptr);
  EXPECT_EQ(sent.keys->each.at(0).view(), "u%7B1%7D");
  EXPECT_EQ(sent.keys->each.at(1).view(), "%-");
  EXPECT_EQ(sent.keys->shard->view(), "t%7D");
}

TEST_F(RedisLimiterTest, DecidesByTheFailureRuleWhenRedisDoesNotAnswer) {
  for (const auto rule : {StoreErrorRule::kLocal, StoreErrorRule::kAllow, StoreErrorRule::kDeny,
                          StoreErrorRule::kThrow}) {
    auto options = Defaults();
    options.on_store_error = rule;
    const auto limiter = Make(options);
    for (const Operation& operation : {CheckOf(1), PeekOf(1)}) {
      const Answer answer = AskInVain(*limiter, operation, redis::Fault::kOverload);
      EXPECT_EQ(answer.fault, redis::Fault::kOverload);
      EXPECT_EQ(answer.detail, "made up");
      EXPECT_EQ(answer.decided, rule != StoreErrorRule::kThrow);
      if (!answer.decided) continue;
      EXPECT_EQ(answer.result.allowed, rule != StoreErrorRule::kDeny);
      EXPECT_EQ(answer.result.source, rule == StoreErrorRule::kLocal   ? Source::kLocal
                                      : rule == StoreErrorRule::kAllow ? Source::kAllow
                                                                       : Source::kDeny);
      EXPECT_EQ(answer.result.count, rule == StoreErrorRule::kLocal ? 1 : 0);
    }
    const Answer debit = AskInVain(*limiter, Plain(Kind::kDebit, 1));
    EXPECT_EQ(debit.fault, redis::Fault::kTimeout);
    EXPECT_FALSE(debit.decided) << "the rule decides checks and peeks alone";
    const Answer apart = AskInVain(*limiter, CheckOf(1), redis::Fault::kCrossSlot);
    EXPECT_FALSE(apart.decided) << "a mistake of the caller is no failure of the store";
  }
}

TEST_F(RedisLimiterTest, TheLocalRuleAdmitsNoMoreThanTheLocalPolicies) {
  auto options = Defaults();
  options.local_policies = {BucketPolicy("a", 2, 1, seconds(2))};
  options.local_share = 0.5;
  const auto limiter = Make(options);
  EXPECT_EQ(AskInVain(*limiter, CheckOf(1)).result.decisions[0].limit, 2);
  EXPECT_TRUE(AskInVain(*limiter, CheckOf(1)).result.allowed);
  EXPECT_FALSE(AskInVain(*limiter, CheckOf(1)).result.allowed);
  clock_->Advance(2 * kSecond);
  EXPECT_TRUE(AskInVain(*limiter, CheckOf(1)).result.allowed) << "by the clock of the local store";
  // A limit that a call brings is shared too.
  Operation::Options limits;
  limits.limits[0] = 9;
  EXPECT_EQ(AskInVain(*limiter, With(Kind::kPeek, 1, limits)).result.decisions[0].limit, 4);
}

TEST_F(RedisLimiterTest, LimitersOfAProcessShareTheLocalStore) {
  const auto one = Make();
  const auto other = Make();
  EXPECT_TRUE(AskInVain(*one, CheckOf(5)).result.allowed);
  EXPECT_FALSE(AskInVain(*other, CheckOf(1)).result.allowed);
}

TEST_F(RedisLimiterTest, TheStoreDecidesAgainOnceItAnswers) {
  const auto limiter = Make();
  EXPECT_EQ(AskInVain(*limiter, CheckOf(5)).result.source, Source::kLocal);
  EXPECT_EQ(AskRedis(*limiter, CheckOf(5)).result.source, Source::kStore);
}

TEST_F(RedisLimiterTest, AnswersOperationsOnItsOwnChargesAtOnce) {
  const auto limiter = Make();
  const Answer charge = AskInVain(*limiter, CheckOf(5));
  Operation::Options options{.marks = Operation::Marks{charge.result.decisions[0].mark},
                             .charged_locally = true};
  const auto credit = Ask(*limiter, With(Kind::kCredit, 5, options));
  ASSERT_TRUE(credit);
  EXPECT_EQ(credit->ticket, 7U);
  EXPECT_FALSE(credit->decided);
  EXPECT_TRUE(AskInVain(*limiter, CheckOf(5)).result.allowed) << "given back";
  EXPECT_TRUE(backend_->pending.empty());
}

TEST_F(RedisLimiterTest, ReleasesItsOwnSlotsAtOnceAndTellsWhetherTheyWereHeld) {
  auto options = Defaults();
  options.policies = {{.name = "n", .algorithm = Slots(1, seconds(60))}};
  options.local_policies = options.policies;
  const auto limiter = Make(options);
  const HolderId holder{.high = 1, .low = 2};
  EXPECT_TRUE(AskInVain(*limiter, CheckOf(1, holder)).result.allowed);
  const Operation release = With(Kind::kRelease, 0, {.holder = holder, .charged_locally = true});
  EXPECT_TRUE(Ask(*limiter, release).value().result.done);
  EXPECT_FALSE(Ask(*limiter, release).value().result.done);
}

TEST_F(RedisLimiterTest, NeverAsksRedisAboutAChargeOfThisProcess) {
  auto options = Defaults();
  options.on_store_error = StoreErrorRule::kThrow;
  const auto limiter = Make(options);
  const auto answer = Ask(*limiter, With(Kind::kCredit, 1, {.charged_locally = true}));
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->decided);
  EXPECT_FALSE(answer->result.done);
}

TEST_F(RedisLimiterTest, BlocksAndResetsHoldDuringAnOutageToo) {
  const auto limiter = Make();
  AskRedis(*limiter, With(Kind::kBlock, 0, {.block_for = seconds(60)}));
  const Result denied = AskInVain(*limiter, CheckOf(1)).result;
  EXPECT_FALSE(denied.allowed);
  EXPECT_TRUE(denied.decisions[0].blocked);
  AskRedis(*limiter, Plain(Kind::kUnblock));
  EXPECT_TRUE(AskInVain(*limiter, CheckOf(5)).result.allowed);
  AskRedis(*limiter, Plain(Kind::kReset));
  EXPECT_TRUE(AskInVain(*limiter, CheckOf(5)).result.allowed);
}

TEST_F(RedisLimiterTest, StandsForAnIdByDigestsOfWhatTellsItApart) {
  const auto limiter = Make();
  const auto digests = [&](const Operation& operation, const RedisLimiter::Key& key) {
    Ask(*limiter, operation, key);
    limiter->Flush();
    auto sent = *backend_->pending.back().digests;
    backend_->Reply();
    return sent;
  };
  // Processes of other versions must find the same: the first 128 bits of the SHA-256 of
  // "check1:L2:id", of "3:pro1:a3:tb11:12:-1" and of "change1:L2:id2:u1".
  const auto check = digests(With(Kind::kCheck, 1, {.id = "id"}), {.one = "k"});
  EXPECT_EQ(check.name, "9fc293a0e4e52b0b16245315d06235b6");
  EXPECT_EQ(check.fingerprint, "074056e2a49d11ba25a6111f24ddab98");
  const auto debit = digests(With(Kind::kDebit, 1, {.id = "id"}), {.one = "", .each = {"u1"}});
  EXPECT_EQ(debit.name, "0f64eb22147d2b92e2c444940f620c93");
  // An abort names the id of its check.
  Operation::Options abort{.marks = Operation::Marks{}, .id = "id"};
  EXPECT_EQ(digests(With(Kind::kAbort, 1, abort), {.one = "k"}).name, check.name);
  EXPECT_NE(digests(With(Kind::kCheck, 2, {.id = "id"}), {.one = "k"}).fingerprint,
            check.fingerprint);

  auto other = Defaults();
  other.ids.limiter = "M";
  const auto limited_otherwise = Make(other);
  Ask(*limited_otherwise, With(Kind::kCheck, 1, {.id = "id"}));
  limited_otherwise->Flush();
  EXPECT_NE(backend_->pending.back().digests->name, check.name);
}

TEST_F(RedisLimiterTest, AnIdThatWasChargedForSomethingElseIsNotDecidedByAnyRule) {
  const auto limiter = Make();
  const auto check = [](std::int64_t cost) { return With(Kind::kCheck, cost, {.id = "id"}); };
  Ask(*limiter, check(1));
  limiter->Flush();
  redis::Completion reused;
  reused.id_reused = true;
  backend_->Complete(reused);
  const Answer by_redis = answers_->Take();
  EXPECT_TRUE(by_redis.result.id_reused);
  EXPECT_FALSE(by_redis.decided);

  EXPECT_TRUE(AskInVain(*limiter, check(1)).result.allowed);
  const Answer by_this = AskInVain(*limiter, check(2));
  EXPECT_TRUE(by_this.result.id_reused);
  EXPECT_FALSE(by_this.decided);
  EXPECT_TRUE(AskInVain(*limiter, check(1)).result.replayed) << "charged once";
}

TEST_F(RedisLimiterTest, AnswersAfterTheLimiterIsGoneAndLetsGoOfItsBackend) {
  auto limiter = Make();
  Ask(*limiter, CheckOf(1));
  limiter->Flush();
  const auto in_use = backend_.use_count();
  limiter.reset();
  EXPECT_LT(backend_.use_count(), in_use);
  backend_->Reply();
  EXPECT_TRUE(answers_->Take().result.allowed);
}

}  // namespace
}  // namespace sluice::testing
