// What a link does that nobody asked for, and never before a check: it asks the server about
// itself, and puts up what limiters say of themselves.
#include <algorithm>
#include <array>
#include <utility>

#include "redis/link.h"
#include "redis/redirect.h"

namespace sluice::redis {

void Link::Examine(Nanos now) {
  if (!std::exchange(examination_due_, false)) return;
  examination_ = {};
  examination_.no_password = no_password_;
  for (const Question question : {Question::kTime, Question::kReplication, Question::kMemory}) {
    // A router follows the roles by itself.
    if (question == Question::kReplication && options_.routed) continue;
    AddCommand(Command::Kind::kQuestion, {}, now, question);
  }
}

void Link::OnQuestionReply(const Command& command, Reply&& reply, Nanos now) {
  if (command.question == Question::kTime) {
    examination_.asked = command.sent;
    examination_.heard = now;
  }
  examination_.Note(command.question, std::move(reply));
  if (command.question == Question::kMemory && examination_.LacksPolicy()) {
    return AddCommand(Command::Kind::kQuestion, {}, now, Question::kConfig);
  }
  examined_ = command.question == Question::kMemory || command.question == Question::kConfig;
}

bool Link::MayPutUp() const {
  return state_ == State::kReady && !loading_ && leaving_.empty() && breaker_.closed();
}

void Link::PutUpNotices(Nanos now) {
  if (MayPutUp() && notices_.Take(now)) AddCommand(Command::Kind::kNotice, {}, now);
}

// A cluster's nodes are all given all: the one that has the name's slot takes it.
void Link::OnNoticeReply(const Reply& reply) {
  const bool elsewhere = reply.kind == Reply::Kind::kError && ReadRedirect(reply.text);
  notices_.OnAnswer(reply.kind != Reply::Kind::kStatus && !elsewhere);
}

// Whether a reply is under way that nobody asked for.
bool Link::IsExamining() const {
  return std::ranges::any_of(under_way_, [](const Command& command) { return command.aside(); });
}

// Whether a reply is under way that has to come. The server may take its time with what nobody
// asked for, unless the connection waits to end.
bool Link::OwesReply() const {
  return std::ranges::any_of(
      under_way_, [this](const Command& command) { return !command.aside() || !leaving_.empty(); });
}

std::vector<Warning> Link::TakeWarnings(Nanos wall) {
  if (!std::exchange(examined_, false)) return {};
  return doctor_.See(std::exchange(examination_, {}), wall);
}

}  // namespace sluice::redis
