// Writes calls of the script in the protocol's form and reads its answers.
#include "redis/script.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace sluice::redis {

extern const std::string_view kScriptText;  // generated from scripts/check.lua

namespace {

// What the script answers instead of a backlog.
constexpr std::int64_t kForeignCode = -1;
constexpr std::int64_t kFailedCode = -2;
// See LONGEST there.
constexpr std::int64_t kLongestBacklog = 8'900'000'000'000'000;

constexpr std::string_view kForeignText = "the key holds something that Sluice did not write";

bool AboveLimit(const Request& request) {
  for (std::size_t i = 0; i < request.set->size(); ++i) {
    const TatRule& rule = RuleOf(request.set->policies()[i].algorithm);
    if (request.costs[i] > rule.capacity) return true;
  }
  return false;
}

// A check that can never be admitted charges nothing; it only has to be told how things stand.
bool ReadOnly(const Request& request) {
  return request.kind == Request::Kind::kPeek || AboveLimit(request);
}

bool SameCharges(const Request& a, const Request& b) {
  return a.set == b.set &&
         std::equal(a.costs.begin(), a.costs.begin() + static_cast<std::ptrdiff_t>(a.set->size()),
                    b.costs.begin());
}

void AppendKey(const Request& request, std::size_t policy, std::string& out) {
  out.append(request.set->head());
  out.append(request.key.view());
  out.append(request.set->tail(policy));
}

void AppendLength(char type, std::size_t length, std::string& out) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), length).ptr;
  out.push_back(type);
  out.append(digits.data(), end);
  out.append("\r\n");
}

void AppendPiece(std::string_view piece, std::string& out) {
  AppendLength('$', piece.size(), out);
  out.append(piece);
  out.append("\r\n");
}

// Whether the script took anything, by the same arithmetic.
bool Charged(const Request& request, std::span<const std::int64_t> backlogs) {
  if (ReadOnly(request)) return false;
  bool takes = false;
  for (std::size_t i = 0; i < request.set->size(); ++i) {
    const TatRule& rule = RuleOf(request.set->policies()[i].algorithm);
    const std::int64_t charge = request.costs[i] * rule.interval.count();
    if (charge == 0) continue;
    if (charge > rule.Span().count() - backlogs[i]) return false;
    takes = true;
  }
  return takes;
}

// The script's numbers for one check: all backlogs, or all the same error.
bool WellFormed(std::span<const std::int64_t> numbers) {
  if (numbers[0] < 0) {
    return (numbers[0] == kForeignCode || numbers[0] == kFailedCode) &&
           std::ranges::all_of(numbers, [&](std::int64_t n) { return n == numbers[0]; });
  }
  return std::ranges::all_of(numbers,
                             [](std::int64_t n) { return n >= 0 && n <= kLongestBacklog; });
}

}  // namespace

std::string_view ScriptText() { return kScriptText; }

std::string_view ScriptCall::Piece(std::size_t i) const {
  const std::size_t start = i == 0 ? 0 : ends_[i - 1];
  return std::string_view(text_).substr(start, ends_[i] - start);
}

void ScriptCall::AppendNumber(std::int64_t number) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  text_.append(digits.data(), end);
  EndPiece();
}

void ScriptCall::Describe(std::span<const Request> requests) {
  text_.clear();
  ends_.clear();
  for (const Request& request : requests) {
    for (std::size_t i = 0; i < request.set->size(); ++i) {
      AppendKey(request, i, text_);
      EndPiece();
    }
  }
  keys_ = ends_.size();

  // Neighbours that ask for the same make a group. Order is kept: a key's checks are decided in
  // the order they came.
  for (std::size_t at = 0; at < requests.size();) {
    const Request& first = requests[at];
    const bool read_only = ReadOnly(first);
    std::size_t end = at + 1;
    while (end < requests.size() && ReadOnly(requests[end]) == read_only &&
           (read_only ? requests[end].set->size() == first.set->size()
                      : SameCharges(requests[end], first))) {
      ++end;
    }
    AppendNumber(static_cast<std::int64_t>(first.set->size()));
    AppendNumber(static_cast<std::int64_t>(end - at));
    AppendNumber(read_only ? 1 : 0);
    for (std::size_t i = 0; !read_only && i < first.set->size(); ++i) {
      const TatRule& rule = RuleOf(first.set->policies()[i].algorithm);
      AppendNumber(first.costs[i] * rule.interval.count());
      AppendNumber(rule.Span().count());
    }
    at = end;
  }
}

void AppendEvalSha(std::string_view sha, const ScriptCall& call, std::string& out) {
  AppendLength('*', 3 + call.keys() + call.arguments(), out);
  AppendPiece("EVALSHA", out);
  AppendPiece(sha, out);
  AppendPiece(std::to_string(call.keys()), out);
  for (std::size_t i = 0; i < call.keys(); ++i) AppendPiece(call.key(i), out);
  for (std::size_t i = 0; i < call.arguments(); ++i) AppendPiece(call.argument(i), out);
}

void AppendReset(std::span<const Request> resets, std::string& out) {
  std::size_t pieces = 1;
  for (const Request& reset : resets) pieces += reset.set->size();
  AppendLength('*', pieces, out);
  AppendPiece("UNLINK", out);
  std::string key;
  for (const Request& reset : resets) {
    for (std::size_t i = 0; i < reset.set->size(); ++i) {
      key.clear();
      AppendKey(reset, i, key);
      AppendPiece(key, out);
    }
  }
}

void AppendCommand(std::span<const std::string_view> pieces, std::string& out) {
  AppendLength('*', pieces.size(), out);
  for (const std::string_view piece : pieces) AppendPiece(piece, out);
}

bool ReadReply(const Reply& reply, std::span<const Request> requests,
               std::span<Completion> completions) {
  if (reply.kind != Reply::Kind::kArray) return false;
  std::size_t keys = 0;
  for (const Request& request : requests) keys += request.set->size();
  if (reply.integers.size() != keys) return false;

  const std::span<const std::int64_t> all(reply.integers);
  bool failed = false;
  for (std::size_t at = 0; const Request& request : requests) {
    const auto numbers = all.subspan(at, request.set->size());
    if (!WellFormed(numbers)) return false;
    failed = failed || numbers[0] == kFailedCode;
    at += numbers.size();
  }
  if (failed == reply.text.empty()) return false;

  std::size_t at = 0;
  for (std::size_t r = 0; r < requests.size(); ++r) {
    const auto numbers = all.subspan(at, requests[r].set->size());
    at += numbers.size();
    Completion& completion = completions[r];
    if (numbers[0] == kForeignCode) {
      completion.fault = Fault::kForeign;
      completion.detail = kForeignText;
    } else if (numbers[0] == kFailedCode) {
      completion.fault = Fault::kServer;
      completion.detail = reply.text;
    } else {
      completion.fault = Fault::kNone;
      completion.charged = Charged(requests[r], numbers);
      std::ranges::transform(numbers, completion.backlogs.begin(),
                             [](std::int64_t n) { return Nanos{n}; });
    }
  }
  return true;
}

}  // namespace sluice::redis
