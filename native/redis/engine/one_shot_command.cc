// The command and its answer.
#include "redis/one_shot_command.h"

#include <utility>

#include "redis/error_reply.h"
#include "redis/greeting.h"
#include "redis/script.h"

namespace sluice::redis {

OneShotCommand::OneShotCommand(Endpoint endpoint, std::vector<std::string> command, Nanos timeout,
                               Nanos now, const ReplyBounds& bounds)
    : Protocol(std::move(endpoint)),
      command_(std::move(command)),
      until_(now + timeout),
      bounds_(bounds) {}

void OneShotCommand::OnConnected(Nanos /*now*/) {
  NoteDriven();
  if (done() || std::exchange(connected_, true)) return;
  greeting_ = NeedsAuth(endpoint_, password_);
  if (greeting_) AppendAuth(endpoint_, password_, out_);
  AppendCommand(std::vector<std::string_view>(command_.begin(), command_.end()), out_);
}

void OneShotCommand::OnLost(std::string_view why, Nanos /*now*/) { Give(std::string(why)); }

void OneShotCommand::OnBytes(std::string_view bytes, Nanos /*now*/) {
  NoteDriven();
  if (done()) return;
  if (!reader_.Feed(bytes)) return Give(std::string(kNoRedis));
  Reply reply;
  while (!done()) {
    const ReplyReader::Next next = reader_.Take(reply, bounds_);
    if (next == ReplyReader::Next::kMore) return;
    if (next == ReplyReader::Next::kTooLong) return Give(std::string(kTooLong));
    if (next == ReplyReader::Next::kBroken) return Give(std::string(kNoRedis));
    OnReply(std::move(reply));
  }
}

void OneShotCommand::OnReply(Reply&& reply) {
  const bool error = reply.kind == Reply::Kind::kError;
  if (std::exchange(greeting_, false)) {
    no_password_ = error && AsksForNoPassword(reply.text);
    if (error && !no_password_) Give(AuthErrorText(reply.text));
    return;
  }
  if (error) return Give(ErrorText(reply.text));
  answer_ = {.reply = std::move(reply), .why = {}};
}

void OneShotCommand::OnTime(Nanos now) {
  NoteDriven();
  if (done() || now < until_) return;
  Give(connected_ ? std::string(kUngreeted) : WithStage("connecting took too long"));
}

void OneShotCommand::Give(const std::string& why) {
  NoteDriven();
  if (done()) return;
  const std::string address = endpoint_.Address() + ": ";
  answer_ = {.reply = {}, .why = why.starts_with(address) ? why : address + why};
}

}  // namespace sluice::redis
