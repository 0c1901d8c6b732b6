-- Sliding log.
--
-- State    "newest base top", and beside it a list of entries "time upto", both ascending
-- Numbers  limit, window in us
--          A mark is the time of an entry.
-- Reading  {units in the window, us until such a call is admitted, us until the newest entry leaves;
--          newest, base, top; length: of the list; live: index of the first entry that counts}
-- Written  {newest, base, top; keep: entries that stay; tail: entries that follow them}
--
-- Units are numbered in the order of their arrival. An entry holds the time and the number of its last
-- unit. Units up to `base` no longer count; `top` is the newest. So an entry that no longer counts may
-- stay in the list, and a binary search finds how many units came before a moment. Only a refund in
-- the middle rewrites the entries behind it.

local MOST_AT_ONCE = 1000 -- arguments of one command

-- An entry's time and number; or nil and an error code. `index` must be in the list.
local function entry(list, index)
  local text = run('LINDEX', list, index)
  local code = failure(text)
  if code then return nil, code end
  local time, upto
  if text then time, upto = match(text, '^(%d+) (%d+)$') end
  if not time then return nil, FOREIGN end
  time, upto = time + 0, upto + 0
  if time > LATEST or upto > MODULUS then return nil, FOREIGN end
  return time, upto
end

-- The first index from `low` on, before `high`, whose entry is later than `after` and has a number
-- above `above`, or `high`; with the time and number of that entry and of the one before it, if they
-- are in that range. Or nil and an error code.
local function search(list, low, high, after, above)
  local found_time, found_upto, last_time, last_upto
  local index = low -- most often it is the first one
  while low < high do
    local time, upto = entry(list, index)
    if not time then return nil, upto end
    if time > after and upto > above then
      high, found_time, found_upto = index, time, upto
    else
      low, last_time, last_upto = index + 1, time, upto
    end
    index = floor((low + high) / 2)
  end
  return low, found_time, found_upto, last_time, last_upto
end

local function read(q, s, now)
  local list = s.beside
  local length = run('LLEN', list)
  local code = failure(length)
  if code then return nil, code end
  local newest, base, top = now, 0, 0
  if s.text ~= '' then
    newest, base, top = match(s.text, '^(%d+) (%d+) (%d+)$')
    if not newest then return nil end
    newest, base, top = newest + 0, base + 0, top + 0
    if newest > LATEST or top > MODULUS or base >= top then return nil end
  end
  -- If the clock stepped back behind the newest entry, that entry's time counts.
  local at, live = max(now, newest), length
  if s.text == '' and length > 0 then
    -- A list without its text, which was evicted; or a foreign list.
    local time, fault = entry(list, 0)
    if not time then return nil, fault end
  elseif length > 0 and newest > at - q.window then
    local index, fault, _, _, gone = search(list, 0, length, at - q.window, base)
    if not index then return nil, fault end
    live, base = index, max(base, gone or 0)
    if live < length and base >= top then return nil end
  end
  if live == length then newest, base, top, at = now, 0, 0, now end
  local sum = top - base
  local r = { sum, 0, sum > 0 and newest + q.window - now or 0 }
  r.newest, r.base, r.top, r.length, r.live = newest, base, top, length, live

  -- The number of oldest units that must leave before the call fits. A charged denial adds as many
  -- again and, above the limit, cuts the oldest: they leave first either way.
  local must_leave = sum + q.cost - q.limit
  if q.charges_denied then must_leave = must_leave + q.cost end
  if q.cost > 0 and must_leave > 0 then
    local leaves = at
    if must_leave <= sum then
      local index, time = search(list, live, length, -1, base + must_leave - 1)
      if not index then return nil, time end
      if time and time <= at - q.window then return nil end
      leaves = time or at
    end
    r[2] = leaves + q.window - now
  end
  return r
end

local function fits(q, r) return r[1] + q.cost <= q.limit end

-- Keeps the newest entries that make up the limit, because earlier ones decide nothing. If the window
-- held more, under a larger limit of another call, keeps that much.
local function charged(q, r, now)
  local most = max(q.limit, r[1])
  if most == 0 then return nil end -- a limit of 0 keeps nothing
  local newest, top = max(now, r.newest), r.top + min(q.cost, most)
  return {
    newest = newest,
    base = max(r.base, top - most),
    top = top,
    keep = r[1] > 0 and r.length or 0,
    tail = { digits(newest) .. ' ' .. digits(top) },
  }
end

-- Without a mark: the newest units.
local function newest_given_back(q, r, s)
  local top = r.top - min(q.cost, r[1])
  if top == r.base then return { newest = 0, base = 0, top = 0, keep = 0, tail = {} } end
  local index, time = search(s.beside, r.live, r.length, -1, top - 1)
  if not index or not time then return nil, time or FOREIGN end
  local tail = { digits(time) .. ' ' .. digits(top) }
  return { newest = time, base = r.base, top = top, keep = index, tail = tail }
end

local function given_back(q, r, _, s)
  if r[1] == 0 then return nil end
  if q.mark < 0 then return newest_given_back(q, r, s) end
  local list, mark = s.beside, q.mark
  local from, time, _, before_time, before = search(list, r.live, r.length, mark - 1, 0)
  if not from then return nil, time end
  if time ~= mark then return nil end
  local rest, fault, _, _, upto = search(list, from, r.length, mark, 0)
  if not rest then return nil, fault end
  local had = upto - (before or r.base)
  local given = min(q.cost, had)

  local after = { newest = r.newest, base = r.base, top = r.top - given, keep = from, tail = {} }
  if given < had then after.tail[1] = digits(mark) .. ' ' .. digits(upto - given) end
  if rest < r.length then
    local later = run('LRANGE', list, rest, -1)
    local code = failure(later)
    if code then return nil, code end
    for i = 1, #later do
      local at, number = match(later[i], '^(%d+) (%d+)$')
      if not at then return nil, FOREIGN end
      after.tail[#after.tail + 1] = at .. ' ' .. digits(number - given)
    end
  elseif given == had then
    after.newest = before_time or 0
    if not before_time then after.base, after.top, after.keep = 0, 0, 0 end
  end
  return after
end

local function text(q, r, now)
  if r.top == r.base then return '', 0 end
  return digits(r.newest) .. ' ' .. digits(r.base) .. ' ' .. digits(r.top),
    r.newest + q.window - now
end

-- Replaces the entries after the first `keep` of a list of `length` by `tail`.
local function replace(s, length, keep, tail, left)
  local list, code = s.beside, nil
  local function try(...)
    code = code or failure(run(...))
    s.reached = s.reached or not code
  end
  if keep == 0 and length > 0 then
    try('DEL', list)
  elseif keep < length then
    try('LTRIM', list, 0, keep - 1)
  end
  for i = 1, #tail, MOST_AT_ONCE do
    try('RPUSH', list, unpack(tail, i, min(#tail, i + MOST_AT_ONCE - 1)))
  end
  if #tail > 0 then try('PEXPIRE', list, ttl(left)) end
  return code
end

local function commit(s, r, _, left)
  local before, old_tail = s.before, {}
  if before[1] > 0 and r.keep < before.length then
    old_tail = run('LRANGE', s.beside, r.keep, -1)
    local code = failure(old_tail)
    if code then return code end
  end
  s.old_tail = old_tail
  return replace(s, before.length, r.keep, r.tail, left)
end

local function revert(s, r, now)
  local _, left = text(s.q, s.before, now)
  left = max(left, s.blocked)
  replace(s, r.keep + #r.tail, r.keep, s.old_tail, left)
end

local function sweep(s, r)
  local live = s.before.live
  if live > 0 and live <= r.keep then run('LTRIM', s.beside, live, -1) end
end

local function mark(_, r) return r.newest end

return {
  numbers = { 'limit', 'window' },
  most = LATEST,
  read = read,
  fits = fits,
  charged = charged,
  given_back = given_back,
  text = text,
  mark = mark,
  commit = commit,
  revert = revert,
  sweep = sweep,
}
