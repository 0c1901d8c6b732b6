-- Concurrency: beside an empty text a sorted set, of who holds a slot by when that expires.
-- r: {slots held, us until such a call is admitted, us until the last slot expires}.

local concurrency = {}

local function expiry(score)
  return score and find(score, '^%d+$') and score + 0 <= LATEST and score + 0 or nil
end

-- When the slot of that rank expires, or nil and an error code.
local function slot(set, rank)
  local found = run('ZRANGE', set, digits(rank), digits(rank), 'WITHSCORES')
  local code = failure(found)
  if code then return nil, code end
  local holder, at = found[1], expiry(found[2])
  if not at or not find(holder, '^[0-9a-z]+$') then return nil, FOREIGN end
  return at
end

function concurrency.read(q, s)
  if s.text ~= '' then return nil end
  local set = s.beside
  local live = run('ZCOUNT', set, '(' .. digits(wall), '+inf')
  local code = failure(live)
  if code then return nil, code end
  local r = { live, 0, 0 }
  if live > 0 then
    local last, fault = slot(set, -1)
    if not last then return nil, fault end
    r[3] = last - wall
  end
  -- Under a limit of 0 nobody has to leave: no call is ever admitted.
  if live >= q.limit and q.limit > 0 then
    -- Of those who have to leave, the last.
    local leaves, fault = slot(set, -q.limit)
    if not leaves then return nil, fault end
    r[2] = leaves - wall
  elseif q.charges_denied and q.cost > 0 and live + 1 == q.limit then
    -- Denied by a block, the call takes the last slot.
    r[2] = q.window
    if live > 0 then
      local first, fault = slot(set, -live)
      if not first then return nil, fault end
      r[2] = min(q.window, first - wall)
    end
  end
  return r
end

function concurrency.fits(q, r) return r[1] < q.limit end

function concurrency.charged(q, r) return { r[1] + 1, 0, max(r[3], q.window) } end

-- A denied call takes a slot too, if there is one.
function concurrency.charged_denied(q, r)
  if not concurrency.fits(q, r) then return nil end
  return concurrency.charged(q, r)
end

function concurrency.text(_, r) return '', r[3] end

-- Holds a slot from now on; `left` is how long the set then lasts.
local function hold(s, left)
  local code = failure(run('ZADD', s.beside, digits(wall + s.q.window), s.holder))
  s.reached = not code
  return code or failure(run('PEXPIRE', s.beside, ttl(left)))
end

function concurrency.commit(s, _, left) return hold(s, left) end

function concurrency.revert(s) run('ZREM', s.beside, s.holder) end

function concurrency.sweep(s) run('ZREMRANGEBYSCORE', s.beside, '-inf', digits(wall)) end

-- Whether the holder has a slot; or nil and an error code.
local function holds(s)
  local score = run('ZSCORE', s.beside, s.holder)
  local code = failure(score)
  if code then return nil, code end
  if not score then return false end
  local at = expiry(score)
  if not at then return nil, FOREIGN end
  return at > wall
end
concurrency.holds = holds

function concurrency.release(s)
  local had, code = holds(s)
  if not had then return had, code end
  code = failure(run('ZREM', s.beside, s.holder))
  if code then return nil, code end
  concurrency.sweep(s)
  return true
end

function concurrency.renew(s)
  local had, code = holds(s)
  if not had then return had, code end
  code = hold(s, max(s.before[3], s.q.window, s.blocked))
  if code then return nil, code end
  concurrency.sweep(s)
  return true
end

return concurrency
