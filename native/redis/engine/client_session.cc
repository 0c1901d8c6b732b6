// Commands for the client, and their replies.
#include "redis/client_session.h"

#include <algorithm>
#include <utility>

#include "redis/error_reply.h"
#include "redis/redirect.h"

namespace sluice::redis {
namespace {

// The longest time for which a client may keep metadata before it sends it.
constexpr Nanos kMetadataWait = std::chrono::seconds(5);

}  // namespace

ClientSession::ClientSession(Options options, std::uint64_t seed)
    : options_(std::move(options)),
      sha_(ScriptSha()),
      random_(seed),
      pipeline_(options_.pipeline, {.lane_per_slot = options_.cluster}, random_, *this),
      metadata_(options_.metadata) {}

std::uint32_t ClientSession::NodeOf(std::uint16_t slot) const {
  return options_.node_of ? options_.node_of(slot) : slot;
}

void ClientSession::Send(std::uint64_t id, const Pipeline::Command& command, Nanos /*now*/) {
  Command& out = commands_.emplace_back();
  out.id = id;
  if (command.IsReset()) {
    out.name = "unlink";
    for (const Request& request : command.requests) AppendStateNames(request, out.pieces);
  } else {
    call_.Describe(command.requests);
    out.name = command.by_text ? "eval" : "evalsha";
    out.first_key = 2;
    out.pieces.reserve(2 + call_.keys() + call_.arguments());
    out.pieces.emplace_back(command.by_text ? ScriptText() : sha_);
    out.pieces.push_back(std::to_string(call_.keys()));
    for (std::size_t i = 0; i < call_.keys(); ++i) out.pieces.emplace_back(call_.key(i));
    for (std::size_t i = 0; i < call_.arguments(); ++i) out.pieces.emplace_back(call_.argument(i));
  }
  for (const Request& request : command.requests) {
    out.deadline = std::max(out.deadline, request.deadline);
  }
}

void ClientSession::PublishMetadata(Nanos now) {
  const Metadata* const due = metadata_.TakeDue(now);
  if (due == nullptr) return;
  const auto words = MetadataCommand(*due);
  Command& command = commands_.emplace_back();
  command.id = metadata_id_ = pipeline_.NewId();
  command.name = "set";
  command.pieces.assign(words.begin() + 1, words.end());
  command.deadline = now + kMetadataWait;
}

void ClientSession::OnReply(std::uint64_t id, const Reply& reply, Nanos now) {
  if (id == metadata_id_) metadata_.OnReply(reply, Reply::Kind::kText);
  pipeline_.OnReply(id, reply, now);
  pipeline_.Pump(now);
  if (reply.kind != Reply::Kind::kError) PublishMetadata(now);
}

void ClientSession::OnLost(std::uint64_t id, std::string_view why, Nanos now) {
  if (id == metadata_id_) metadata_.Skip();
  pipeline_.OnLost(id, why, now);
  pipeline_.Pump(now);
}

void ClientSession::OnTime(Nanos now) {
  pipeline_.OnTime(now, NextTime());
  pipeline_.Pump(now);
}

void ClientSession::Close() {
  pipeline_.Close();
  commands_.clear();
}

SessionStats ClientSession::stats() const {
  SessionStats stats = pipeline_.stats();
  stats.script_reloads = script_reloads_;
  return stats;
}

Pipeline::ScriptStep ClientSession::OnUnknownScript(std::string_view error, bool refused,
                                                    Nanos /*now*/) {
  if (refused) {
    refusal_ = ErrorText(error);
  } else {
    ++script_reloads_;
  }
  return Pipeline::ScriptStep::kSendText;
}

Pipeline::Advice ClientSession::AdviceOn(const Pipeline::Command& command,
                                         std::string_view error) const {
  const bool no_scripts = command.by_text && RefusesCommand(error, "eval");
  std::string why =
      no_scripts ? NoScriptsText(refusal_, error, "+evalsha and +eval") : ErrorText(error);
  if (!ReadRedirect(error)) return {RemedyOf(error), std::move(why)};
  // A client without knowledge of a cluster can never follow a redirection.
  return {options_.cluster ? Remedy::kRedirect : Remedy::kGiveUp, std::move(why)};
}

void ClientSession::OnRefused(const Pipeline::Command& command, const Pipeline::Refusal& refusal,
                              Nanos now) {
  if (refusal.advice.remedy == Remedy::kRedirect) {
    pipeline_.RetryAlone(command, refusal, now);
  } else {
    pipeline_.RetryLater(command, refusal, now);
  }
}

void ClientSession::OnNonsense(const Pipeline::Command& command, Nanos now) {
  pipeline_.OnFailure(command, Fault::kProtocol, Pipeline::kNonsense, now);
}

}  // namespace sluice::redis
