// Replies, built by hiredis' reader.
#include "redis/reply.h"

#include <hiredis.h>

#include <new>
#include <string_view>
#include <utility>

namespace sluice::redis {

// The current reply, built by the reader's callbacks.
class ReplyReader::Builder {
 public:
  static const redisReplyObjectFunctions kFunctions;

  Reply Take() {
    // Without integers, only a single text is valid.
    if (reply_.texts.size() > 1 && reply_.texts.size() == std::exchange(elements_, 0)) {
      reply_.kind = Reply::Kind::kTexts;
    }
    text_ = 0;
    return std::exchange(reply_, {});
  }

  std::size_t most_elements = kMostElements;
  bool too_long = false;  // why a callback has returned null

 private:
  // A null for an object stops the reader with an error; it does not interpret other values.
  static Builder* Of(const redisReadTask* task) { return static_cast<Builder*>(task->privdata); }
  static bool IsWhole(const redisReadTask* task) { return task->parent == nullptr; }

  static void* Text(const redisReadTask* task, char* text, std::size_t length) {
    Builder* const self = Of(task);
    Reply& reply = self->reply_;
    // The reader drops the bytes that it has read, so its buffer is not a bound.
    self->text_ += length;
    if (self->text_ > kLongestText) return self->GiveUp();
    if (IsWhole(task)) {
      reply.kind = task->type == REDIS_REPLY_ERROR    ? Reply::Kind::kError
                   : task->type == REDIS_REPLY_STATUS ? Reply::Kind::kStatus
                   : task->type == REDIS_REPLY_STRING ? Reply::Kind::kText
                                                      : Reply::Kind::kOther;
      reply.text.assign(text, length);
      return self;
    }
    const bool is_text = task->type == REDIS_REPLY_STRING;
    if (is_text && reply.integers.empty()) reply.texts.emplace_back(text, length);
    if (is_text && length > 0 && self->IsLast(task)) {
      reply.text.assign(text, length);
    } else {
      reply.kind = Reply::Kind::kOther;
    }
    return self;
  }

  static void* Array(const redisReadTask* task, std::size_t elements) {
    // None of our commands has a nested reply, and deep nesting could exhaust the stack.
    if (!IsWhole(task)) return nullptr;
    Builder* const self = Of(task);
    if (elements > self->most_elements) return self->GiveUp();
    self->elements_ = elements;
    self->reply_.kind = task->type == REDIS_REPLY_ARRAY ? Reply::Kind::kArray : Reply::Kind::kOther;
    self->reply_.integers.reserve(elements);
    return self;
  }

  static void* Integer(const redisReadTask* task, long long value) {
    Reply& reply = Of(task)->reply_;
    if (IsWhole(task)) reply.kind = Reply::Kind::kInteger;
    reply.integers.push_back(value);
    return Of(task);
  }

  static void* Unexpected(const redisReadTask* task) {
    Of(task)->reply_.kind = Reply::Kind::kOther;
    return Of(task);
  }
  static void* Double(const redisReadTask* task, double, char*, std::size_t) {
    return Unexpected(task);
  }
  static void* Bool(const redisReadTask* task, int) { return Unexpected(task); }

  void* GiveUp() {
    too_long = true;
    return nullptr;
  }

  bool IsLast(const redisReadTask* task) const {
    return static_cast<std::size_t>(task->idx) + 1 == elements_;
  }

  Reply reply_;
  std::size_t elements_ = 0;
  std::size_t text_ = 0;  // bytes of texts
};

const redisReplyObjectFunctions ReplyReader::Builder::kFunctions = {
    .createString = Text,
    .createArray = Array,
    .createInteger = Integer,
    .createDouble = Double,
    .createNil = Unexpected,
    .createBool = Bool,
    .freeObject = [](void*) {},
};

void ReplyReader::Free::operator()(redisReader* reader) const { redisReaderFree(reader); }

ReplyReader::ReplyReader() { Reset(); }
ReplyReader::~ReplyReader() = default;

void ReplyReader::Reset() {
  builder_ = std::make_unique<Builder>();
  // The reader does not change the table, although its parameter is not const.
  reader_.reset(
      redisReaderCreateWithFunctions(const_cast<redisReplyObjectFunctions*>(&Builder::kFunctions)));
  if (!reader_) throw std::bad_alloc();
  reader_->privdata = builder_.get();
  // The builder's bound is narrower: this one is for hiredis' own computation.
  reader_->maxelements = 1LL << 24;
}

bool ReplyReader::Feed(std::string_view bytes) {
  if (reader_->len - reader_->pos + bytes.size() > kMostUnread) return false;
  return redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) == REDIS_OK;
}

ReplyReader::Next ReplyReader::Take(Reply& reply, std::size_t most) {
  constexpr std::size_t kFraming = 32;  // bytes around one text
  builder_->most_elements = most;
  void* taken = nullptr;
  if (redisReaderGetReply(reader_.get(), &taken) != REDIS_OK) {
    return builder_->too_long ? Next::kTooLong : Next::kBroken;
  }
  if (taken == nullptr) {
    // The reader has read everything except an unfinished text.
    return reader_->len - reader_->pos > kLongestText + kFraming ? Next::kTooLong : Next::kMore;
  }
  reply = builder_->Take();
  return Next::kReply;
}

}  // namespace sluice::redis
