// Reader of the script's answers.
#include <cstdint>
#include <optional>

#include "redis/error_reply.h"
#include "redis/script.h"
#include "script_numbers.h"

namespace sluice::redis {
namespace {

using Kind = Request::Kind;

// Codes of the script in place of a number; see Reply in scripts/check.lua.
constexpr std::int64_t kForeignCode = -1;
constexpr std::int64_t kFailedCode = -2;
constexpr std::int64_t kBlockedCode = -3;
constexpr std::int64_t kReplayCode = -4;
constexpr std::int64_t kReusedCode = -5;
constexpr std::int64_t kLedgersCode = -6;
// In place of an outcome: the reservation was open already.
constexpr std::int64_t kRepeated = 4;
// LATEST there, and a window; in ns still below 2^63.
constexpr std::int64_t kLatestMicros = AlgorithmDefaults::kLargestReading;

constexpr std::string_view kForeignText = "the key holds a value that Sluice did not write";

// Takes one number after the other. If one is missing or out of range, so are all after it.
class Numbers {
 public:
  explicit Numbers(std::span<const std::int64_t> all) : all_(all) {}

  std::optional<std::int64_t> Peek() const {
    return all_.empty() ? std::nullopt : std::optional(all_.front());
  }
  /// The next number if it is in [0, most]; otherwise 0, and good() becomes false.
  std::int64_t Take(std::int64_t most) {
    if (all_.empty() || all_.front() < 0 || all_.front() > most) {
      good_ = false;
      return 0;
    }
    const std::int64_t number = all_.front();
    all_ = all_.subspan(1);
    return number;
  }
  /// Takes the next number if it is `code`; returns whether it was.
  bool TakeCode(std::int64_t code) {
    if (Peek() != code) return false;
    all_ = all_.subspan(1);
    return true;
  }
  bool good() const { return good_; }
  bool done() const { return good_ && all_.empty(); }

 private:
  std::span<const std::int64_t> all_;
  bool good_ = true;
};

void ReadReading(const Algorithm& algorithm, Numbers& numbers, Reading& reading) {
  if (numbers.TakeCode(kBlockedCode)) reading.blocked = Micros{numbers.Take(kLatestMicros)};
  const std::int64_t most = LargestReading(algorithm);
  const std::size_t count = ReadingSize(algorithm);
  for (std::size_t i = 0; i < count; ++i) reading.numbers[i] = numbers.Take(most);
}

void ReadReplay(const Request& request, Numbers& numbers, Completion& completion) {
  const std::vector<Policy>& policies = request.set->policies();
  const std::int64_t all = (std::int64_t{1} << policies.size()) - 1;
  const auto half = [&numbers] {
    const auto high = static_cast<std::uint64_t>(numbers.Take(0xffffffff));
    return high << 32 | static_cast<std::uint64_t>(numbers.Take(0xffffffff));
  };
  Replay replay;
  replay.at = Micros{numbers.Take(kLatestMicros)};
  replay.again = static_cast<PolicyBits>(numbers.Take(all));
  if (NamesHolder(request)) {
    replay.holder.high = half();
    replay.holder.low = half();
  }
  replay.charged = static_cast<PolicyBits>(numbers.Take(all));
  replay.readings.Resize(policies.size());
  for (std::size_t i = 0; i < policies.size(); ++i) {
    ReadReading(policies[i].algorithm, numbers, replay.readings[i]);
  }
  completion.replay = std::make_shared<const Replay>(replay);
}

void ReadReadings(const Request& request, Numbers& numbers, Completion& completion) {
  completion.readings.Resize(request.set->size());
  for (std::size_t i = 0; i < request.set->size(); ++i) {
    ReadReading(request.set->policies()[i].algorithm, numbers, completion.readings[i]);
  }
}

void ReadHold(const Request& request, Numbers& numbers, Completion& completion) {
  constexpr std::int64_t kMostUnits = std::int64_t{1} << 53;
  const std::size_t count = request.set->size();
  auto hold = std::make_shared<HoldReply>();
  const std::int64_t outcome = numbers.Take(request.kind == Kind::kReserve ? kRepeated : 3);
  hold->repeated = outcome == kRepeated;
  hold->outcome = hold->repeated ? HoldOutcome::kOk : static_cast<HoldOutcome>(outcome);
  const bool is_open = hold->outcome == HoldOutcome::kOk;
  if (is_open && request.kind == Kind::kCheckpoint) {
    hold->spent = static_cast<PolicyBits>(numbers.Take((std::int64_t{1} << count) - 1));
  } else if (is_open && request.kind == Kind::kExtend) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t next = numbers.Take(kMostUnits);
      if (next == 0) continue;
      hold->held |= PolicyBits{1} << i;
      hold->units[i] = next - 1;
    }
  } else if (!is_open || request.kind != Kind::kReserve) {
    for (std::size_t i = 0; i < count; ++i) hold->units[i] = numbers.Take(kMostUnits);
  }
  completion.hold = std::move(hold);
  if (is_open && request.decides()) ReadReadings(request, numbers, completion);
}

void ReadOne(const Request& request, Numbers& numbers, Completion& completion) {
  if (IsReservationMode(request)) return ReadHold(request, numbers, completion);
  switch (request.kind) {
    case Kind::kCheck:
    case Kind::kPeek:
    case Kind::kReserve:
      if (TellsId(request) && numbers.TakeCode(kReplayCode)) {
        ReadReplay(request, numbers, completion);
      }
      ReadReadings(request, numbers, completion);
      break;
    case Kind::kAbort:
    case Kind::kRelease:
    case Kind::kRenew:
      completion.done = numbers.Take(1) == 1;
      break;
    default:
      numbers.Take(0);
  }
}

}  // namespace

// Matches ReadOne, plus the time before and the text after the answers.
std::size_t MostElements(std::span<const Request> requests) {
  constexpr std::size_t kReading = 5;  // a block's code and end, and up to three numbers
  constexpr std::size_t kReplay = 8;   // without its readings
  std::size_t most = 2;
  for (const Request& request : requests) {
    const std::size_t size = request.set->size();
    most += request.decides() ? kReplay + 2 * kReading * size : 1 + size;
  }
  return most;
}

bool ReadReply(const Reply& reply, std::span<const Request> requests,
               std::span<Completion> completions) {
  if (reply.kind != Reply::Kind::kArray || !reply.items.empty()) return false;
  Numbers numbers(reply.integers);
  const Micros at{numbers.Take(kLatestMicros)};
  bool failed = false;
  for (std::size_t r = 0; r < requests.size() && numbers.good(); ++r) {
    Completion& completion = completions[r];
    completion.fault = Fault::kNone;
    completion.at = at;
    if (numbers.TakeCode(kForeignCode)) {
      completion.fault = Fault::kForeign;
      completion.detail = kForeignText;
    } else if (numbers.TakeCode(kFailedCode)) {
      failed = true;
      completion.fault = Fault::kServer;
      completion.detail = ErrorText(reply.text);
    } else if (!NamesLedgers(requests[r]) && numbers.TakeCode(kLedgersCode)) {
      completion.needs_ledgers = true;
    } else if (TellsId(requests[r]) && numbers.TakeCode(kReusedCode)) {
      completion.id_reused = true;
    } else {
      ReadOne(requests[r], numbers, completion);
    }
  }
  return numbers.done() && failed != reply.text.empty();
}

}  // namespace sluice::redis
