-- Concurrency: slots that holders take, renew and release.
--
-- State    no text; beside it a sorted set of holders, each with the time at which its slot expires.
-- Numbers  limit, ttl in us.
-- Reading  {slots held, us until such a call is admitted, us until the last slot expires}

local function expiry(score)
  return score and find(score, '^%d+$') and score + 0 <= LATEST and score + 0 or nil
end

-- The expiry of the slot with that rank, or nil and an error code.
local function slot(set, rank)
  local found = run('ZRANGE', set, digits(rank), digits(rank), 'WITHSCORES')
  local code = failure(found)
  if code then return nil, code end
  local holder, at = found[1], expiry(found[2])
  if not at or not find(holder, '^[0-9a-z]+$') then return nil, FOREIGN end
  return at
end

local function read(q, s, now)
  if s.text ~= '' then return nil end
  local set = s.beside
  local live = run('ZCOUNT', set, '(' .. digits(now), '+inf')
  local code = failure(live)
  if code then return nil, code end
  local r = { live, 0, 0 }
  if live > 0 then
    local last, fault = slot(set, -1)
    if not last then return nil, fault end
    r[3] = last - now
  end
  -- With a limit of 0 no call is ever admitted, so no slot has to leave.
  if live >= q.limit and q.limit > 0 then
    -- The last of the slots that must leave.
    local leaves, fault = slot(set, -q.limit)
    if not leaves then return nil, fault end
    r[2] = leaves - now
  elseif q.charges_denied and q.cost > 0 and live + 1 == q.limit then
    -- If a block denies it, the call takes the last slot.
    r[2] = q.ttl
    if live > 0 then
      local first, fault = slot(set, -live)
      if not first then return nil, fault end
      r[2] = min(q.ttl, first - now)
    end
  end
  return r
end

local function fits(q, r) return r[1] < q.limit end

local function charged(q, r) return { r[1] + 1, 0, max(r[3], q.ttl) } end

-- A denied call takes a slot too, if one is free.
local function charged_denied(q, r)
  if not fits(q, r) then return nil end
  return charged(q, r)
end

local function text(_, r) return '', r[3] end

-- Holds a slot from now on; the set then lasts `left` us.
local function hold(s, now, left)
  local code = failure(run('ZADD', s.beside, digits(now + s.q.ttl), s.holder))
  s.reached = not code
  return code or failure(run('PEXPIRE', s.beside, ttl(left)))
end

local function commit(s, _, now, left) return hold(s, now, left) end

local function revert(s) run('ZREM', s.beside, s.holder) end

local function sweep(s, _, now)
  run('ZREMRANGEBYSCORE', s.beside, '-inf', digits(now))
end

-- Whether the holder has a slot; or nil and an error code.
local function holds(s, now)
  local score = run('ZSCORE', s.beside, s.holder)
  local code = failure(score)
  if code then return nil, code end
  if not score then return false end
  local at = expiry(score)
  if not at then return nil, FOREIGN end
  return at > now
end

local function release(s, now)
  local had, code = holds(s, now)
  if not had then return had, code end
  code = failure(run('ZREM', s.beside, s.holder))
  if code then return nil, code end
  sweep(s, nil, now)
  return true
end

local function renew(s, now)
  local had, code = holds(s, now)
  if not had then return had, code end
  code = hold(s, now, max(s.before[3], s.q.ttl, s.blocked))
  if code then return nil, code end
  sweep(s, nil, now)
  return true
end

return {
  numbers = { 'limit', 'ttl' },
  most = LATEST,
  read = read,
  fits = fits,
  charged = charged,
  charged_denied = charged_denied,
  text = text,
  commit = commit,
  revert = revert,
  sweep = sweep,
  holds = holds,
  release = release,
  renew = renew,
}
