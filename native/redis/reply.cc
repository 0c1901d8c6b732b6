// Wraps hiredis' reader.
#include "redis/reply.h"

#include <hiredis.h>

#include <new>

namespace sluice::redis {
namespace {

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};

// Whether `array` has the one shape that Reply can hold.
bool TakeArray(const redisReply& array, Reply& reply) {
  reply.integers.reserve(array.elements);
  for (std::size_t i = 0; i < array.elements; ++i) {
    const redisReply& element = *array.element[i];
    if (element.type == REDIS_REPLY_INTEGER) {
      reply.integers.push_back(element.integer);
    } else if (element.type == REDIS_REPLY_STRING && i + 1 == array.elements && element.len > 0) {
      reply.text.assign(element.str, element.len);
    } else {
      return false;
    }
  }
  return true;
}

Reply::Kind TakeValue(const redisReply& from, Reply& reply) {
  switch (from.type) {
    case REDIS_REPLY_STATUS:
      reply.text.assign(from.str, from.len);
      return Reply::Kind::kStatus;
    case REDIS_REPLY_ERROR:
      reply.text.assign(from.str, from.len);
      return Reply::Kind::kError;
    case REDIS_REPLY_STRING:
      reply.text.assign(from.str, from.len);
      return Reply::Kind::kText;
    case REDIS_REPLY_INTEGER:
      reply.integers.push_back(from.integer);
      return Reply::Kind::kInteger;
    case REDIS_REPLY_ARRAY:
      return TakeArray(from, reply) ? Reply::Kind::kArray : Reply::Kind::kOther;
    default:
      return Reply::Kind::kOther;
  }
}

}  // namespace

void ReplyReader::Free::operator()(redisReader* reader) const { redisReaderFree(reader); }

ReplyReader::ReplyReader() { Reset(); }
ReplyReader::~ReplyReader() = default;

void ReplyReader::Reset() {
  reader_.reset(redisReaderCreate());
  if (!reader_) throw std::bad_alloc();
  reader_->maxelements = kMostElements;
}

bool ReplyReader::Feed(std::string_view bytes) {
  if (reader_->len - reader_->pos + bytes.size() > kLongestReply) return false;
  return redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) == REDIS_OK;
}

ReplyReader::Next ReplyReader::Take(Reply& reply) {
  void* taken = nullptr;
  if (redisReaderGetReply(reader_.get(), &taken) != REDIS_OK) return Next::kBroken;
  if (taken == nullptr) return Next::kMore;
  const std::unique_ptr<redisReply, FreeReply> owned(static_cast<redisReply*>(taken));
  reply.text.clear();
  reply.integers.clear();
  reply.kind = TakeValue(*owned, reply);
  return Next::kReply;
}

}  // namespace sluice::redis
