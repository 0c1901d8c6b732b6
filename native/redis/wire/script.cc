// Calls of the script in the protocol's form.
#include "redis/script.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "script_numbers.h"

namespace sluice::redis {

// Generated from scripts/check.lua.
extern const std::string_view kScript;
extern const std::string_view kScriptSha;

namespace {

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

void AppendScriptCall(std::string_view command, std::string_view script, const ScriptCall& call,
                      std::string& out) {
  AppendLength('*', 3 + call.keys() + call.arguments(), out);
  AppendPiece(command, out);
  AppendPiece(script, out);
  AppendPiece(std::to_string(call.keys()), out);
  for (std::size_t i = 0; i < call.keys(); ++i) AppendPiece(call.key(i), out);
  for (std::size_t i = 0; i < call.arguments(); ++i) AppendPiece(call.argument(i), out);
}

}  // namespace

std::string_view ScriptText() { return kScript; }

std::string ScriptSha() { return std::string(kScriptSha); }

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

void ScriptCall::AppendText(std::string_view text) {
  text_.append(text);
  EndPiece();
}

void ScriptCall::AppendHolder(HolderId holder) {
  redis::AppendHolder(holder, text_);
  EndPiece();
}

void ScriptCall::DescribeKeys(const Request& request) {
  const bool with_ledgers = NamesLedgers(request);
  for (std::size_t i = 0; i < request.set->size(); ++i) {
    const std::size_t start = text_.size();
    AppendStateName(request, i, text_);
    const std::size_t length = text_.size() - start;
    EndPiece();
    const std::string_view suffix = CollectionSuffix(request.set->policies()[i].algorithm);
    if (!suffix.empty()) {
      text_.append(text_, start, length).append(suffix);
      EndPiece();
    }
    if (with_ledgers) {
      AppendLedgerName(std::string(text_, start, length), text_);
      EndPiece();
    }
  }
  if (IsReservationMode(request)) {
    AppendClosedName(request, text_);
    EndPiece();
  }
  if (!TellsId(request)) return;
  AppendIdName(request, text_);
  EndPiece();
}

void ScriptCall::DescribeGroup(std::span<const Request> group) {
  const Request& first = group.front();
  const std::string_view mode = ScriptMode(first);
  AppendNumber(static_cast<std::int64_t>(first.set->size()));
  AppendNumber(static_cast<std::int64_t>(group.size()));
  const bool with_ledgers = NamesLedgers(first);
  const bool is_of_reservation = IsReservationMode(first);
  text_.append(mode);
  AppendText(with_ledgers ? "&" : "");
  if (mode == "1") return;
  for (std::size_t i = 0; i < first.set->size(); ++i) {
    const ScriptNumbers numbers = NumbersFor(first, i);
    if (!IsQuickMode(mode)) {
      AppendText({&numbers.kind, 1});
      AppendNumber(numbers.options);
      AppendNumber(numbers.block);
    }
    AppendNumber(numbers.cost);
    if (numbers.mark) AppendNumber(*numbers.mark);
    const std::size_t count = IsQuickMode(mode) ? 1 : numbers.count;
    for (const std::int64_t number : numbers.Own().first(count)) AppendNumber(number);
    if (with_ledgers) AppendNumber(numbers.unit);
    if (is_of_reservation) AppendNumber(numbers.given ? 1 : 0);
  }
  if (is_of_reservation) {
    AppendNumber(OptionsOf(first).hold_for.count());
    AppendNumber(static_cast<std::int64_t>(OptionsOf(first).on_expire));
  }
  if (NamesHolder(first)) {
    for (const Request& request : group) AppendHolder(request.holder());
  }
  if (TellsId(first)) {
    for (const Request& request : group) AppendText(request.digests->fingerprint);
  }
}

void ScriptCall::Describe(std::span<const Request> requests) {
  text_.clear();
  ends_.clear();
  for (const Request& request : requests) DescribeKeys(request);
  keys_ = ends_.size();

  // Neighbours with equal arguments form a group. The order is kept: a key's checks are decided in
  // the order of their arrival.
  for (std::size_t at = 0; at < requests.size();) {
    std::size_t end = at + 1;
    while (end < requests.size() && SameGroup(requests[at], requests[end])) ++end;
    DescribeGroup(requests.subspan(at, end - at));
    at = end;
  }
}

void AppendEvalSha(std::string_view sha, const ScriptCall& call, std::string& out) {
  AppendScriptCall("EVALSHA", sha, call, out);
}

void AppendEval(const ScriptCall& call, std::string& out) {
  AppendScriptCall("EVAL", ScriptText(), call, out);
}

void AppendStateNames(const Request& reset, std::vector<std::string>& names) {
  for (std::size_t i = 0; i < reset.set->size(); ++i) {
    std::string& name = names.emplace_back();
    AppendStateName(reset, i, name);
    const std::string state = name;
    AppendLedgerName(state, names.emplace_back());
    const std::string_view suffix = CollectionSuffix(reset.set->policies()[i].algorithm);
    if (!suffix.empty()) names.push_back(state + std::string(suffix));
  }
}

void AppendReset(std::span<const Request> resets, std::string& out) {
  std::vector<std::string> names;
  for (const Request& reset : resets) AppendStateNames(reset, names);
  AppendLength('*', 1 + names.size(), out);
  AppendPiece("UNLINK", out);
  for (const std::string& name : names) AppendPiece(name, out);
}

void AppendCommand(std::span<const std::string_view> pieces, std::string& out) {
  AppendLength('*', pieces.size(), out);
  for (const std::string_view piece : pieces) AppendPiece(piece, out);
}

}  // namespace sluice::redis
