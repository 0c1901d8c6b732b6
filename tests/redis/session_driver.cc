#include "redis/session_driver.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/policies.h"

namespace sluice::redis {

std::size_t ChecksIn(const SentCommand& command) {
  EXPECT_TRUE(command.at(0) == "EVALSHA" || command.at(0) == "EVAL") << command.at(0);
  return std::stoul(command.at(2));
}

std::shared_ptr<const PolicySet> OneBucket() {
  static const auto set = std::make_shared<const PolicySet>(
      std::vector{testing::BucketPolicy("default", 10, 1, kSecond)}, "p");
  return set;
}

const std::shared_ptr<Sink>& UnusedSink() {
  struct Unused final : Sink {
    void Deliver(std::span<Finished>) override { FAIL() << "only an I/O thread delivers"; }
  };
  static const std::shared_ptr<Sink> sink = std::make_shared<Unused>();
  return sink;
}

Request RequestDriver::Make(Request::Kind kind, std::string_view key, Nanos timeout) {
  Request request;
  request.kind = kind;
  request.set = OneBucket();
  request.key = EscapedKey(key);
  request.costs = 1;
  request.deadline = now + timeout;
  request.ticket = next_ticket_++;
  request.sink = UnusedSink();
  return request;
}

Request RequestDriver::MakeSlotCheck(std::string_view id) {
  static const auto set = std::make_shared<const PolicySet>(
      std::vector{Policy{.name = "c", .algorithm = testing::Slots(1, kSecond)}}, "p");
  Request check = Make(Request::Kind::kCheck, "k", 100 * kMillisecond);
  check.set = set;
  check.options = std::make_shared<Operation::Options>(Operation::Options{.holder = kHolder});
  if (!id.empty()) {
    check.digests =
        std::make_shared<IdDigests>(IdDigests{.name = std::string(id), .fingerprint = "ab"});
  }
  return check;
}

std::uint64_t RequestDriver::Submit(Request request) {
  const std::uint64_t ticket = request.ticket;
  SubmitAll({&request, 1});
  return ticket;
}

std::uint64_t RequestDriver::Submit(Request::Kind kind, std::string_view key, Nanos timeout) {
  return Submit(Make(kind, key, timeout));
}

std::uint64_t RequestDriver::Check(std::string_view key, Nanos timeout) {
  return Submit(Request::Kind::kCheck, key, timeout);
}

void SessionDriver::AnswerFull(std::size_t checks) {
  std::vector<std::int64_t> integers(1 + checks, 0);
  integers[0] = 1;
  AnswerArray(std::move(integers));
}

void SessionDriver::AnswerArray(std::vector<std::int64_t> integers, std::string text) {
  Receive({.kind = Reply::Kind::kArray, .text = std::move(text), .integers = std::move(integers)});
}

void SessionDriver::AnswerInteger(std::int64_t integer) {
  Receive({.kind = Reply::Kind::kInteger, .text = {}, .integers = {integer}});
}

void SessionDriver::AnswerError(std::string_view error) {
  Receive({.kind = Reply::Kind::kError, .text = std::string(error), .integers = {}});
}

void RequestDriver::Pass(Nanos time) {
  const Nanos end = now + time;
  for (int rounds = 0; NextTime() <= end; ++rounds) {
    now = std::max(now, NextTime());
    OnTime();
    ASSERT_LT(rounds, 100'000) << "a timer that never ends";
  }
  now = end;
}

void RequestDriver::PassFrozen(Nanos time) {
  now += time;
  if (NextTime() <= now) OnTime();
}

void RequestDriver::Collect() {
  for (Delivery& delivery : TakeDeliveries()) {
    EXPECT_FALSE(delivery.finished.empty());
    // A session's own requests have another sink.
    if (delivery.sink != UnusedSink()) continue;
    for (auto& [request, completion] : delivery.finished) {
      const std::uint64_t ticket = request.ticket;
      EXPECT_EQ(completion.detail.empty(), completion.fault == Fault::kNone);
      order_.push_back(ticket);
      const bool fresh = results_.emplace(ticket, std::move(completion)).second;
      EXPECT_TRUE(fresh) << "answered twice: " << ticket;
    }
  }
}

bool RequestDriver::Answered(std::uint64_t ticket) {
  Collect();
  return results_.contains(ticket);
}

Completion RequestDriver::Result(std::uint64_t ticket) {
  if (!Answered(ticket)) {
    ADD_FAILURE() << "no answer to " << ticket;
    return {};
  }
  return results_[ticket];
}

const std::vector<std::uint64_t>& RequestDriver::order() {
  Collect();
  return order_;
}

}  // namespace sluice::redis
