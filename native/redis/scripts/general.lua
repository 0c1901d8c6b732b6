-- Checks over policies of any kind, and all other operations: one at a time, each all or none.
--
-- A kind is a table of functions, twin of its class in native/core; `q` is a policy's numbers, `r`
-- what a state says at this moment (the integers of the reply, in order, and what else is needed to
-- write it):
--   read(q, s)        the r of what s.text and s.beside hold; or nil and an error code
--   fits(q, r)        whether the cost is admitted beside it
--   charged, charged_denied, debited, given_back, aborted (q, r, s)
--                     another r; nil: nothing changes; or nil and an error code; aborted: or
--                     nil, nil and whether the charge was kept because others wait behind it
--   text(q, r)        the state as text, '' for none, and us until all of it means nothing
-- and those that keep something beside the text:
--   commit(s, r, left)
--                     writes it, to last for so many us at least; returns nothing, or an error code
--   revert(s, r)      undoes that, if s.reached says that it came to change something
--   sweep(s, r)       drops what no longer counts; may fail

texts = {}

local match, gmatch = string.match, string.gmatch
local max, min, abs, ceil = math.max, math.min, math.abs, math.ceil
-- The last time that a state may hold, in us (in the year 2112), and the most units.
local LATEST, MOST = 4.5e15, 2 ^ 42
-- No text of ours is longer.
local LONGEST_TEXT = 80
-- The end of a block is kept for so long, in us: the clock may step back behind it.
local BACK = 3 * 86400e6

local function digits(number) return format(DIGITS, number) end

-- The time to live, in ms, of what lasts for `left` us.
local function ttl(left) return digits(max(floor(left / 1000) + 1, min_ttl)) end

-- The error code of a command's answer, if it is an error.
local function failure(answer)
  if type(answer) ~= 'table' or not answer.err then return nil end
  if find(answer.err, 'WRONGTYPE', 1, true) then return FOREIGN end
  error_text = error_text or answer.err
  return FAILED
end

local function say(number)
  said = said + 1
  reply[said] = number
end

local kinds = {}
local function kind_of(letter)
  local kind = kinds[letter]
  if kind then return kind end
  if letter == 't' or letter == 'q' then
    kind = (function()
      -- @include tat.lua
    end)()
  elseif letter == 's' then
    kind = (function()
      -- @include sliding_window.lua
    end)()
  elseif letter == 'l' then
    kind = (function()
      -- @include sliding_log.lua
    end)()
  elseif letter == 'n' then
    kind = (function()
      -- @include concurrency.lua
    end)()
  else
    kind = (function()
      -- @include fixed_window.lua
    end)()
  end
  kinds[letter] = kind
  return kind
end

-- Made like the kinds.
local ids
local function id_functions()
  ids = ids or (function()
    -- @include ids.lua
  end)()
  return ids
end

-- The group at hand. Of a plain one: as if it had said so in full.
local function read_group()
  local found = { mode = mode, keys = 0, width = {} }
  if plain then
    found.mode = charging and 'check' or 'peek'
  elseif match(mode, '+$') then
    found.mode = match(mode, '%a+')
    found.ids = id_functions()
  end
  local holds = false
  for p = 1, policies do
    local q
    if plain then
      q = { kind = kind_of('t'), options = 0, block = 0, cost = charges[p] or 0, limit = rooms[p] }
    else
      q = {
        letter = ARGV[arg_at],
        kind = kind_of(ARGV[arg_at]),
        options = ARGV[arg_at + 1] + 0,
        block = ARGV[arg_at + 2] + 0,
        cost = ARGV[arg_at + 3] + 0,
        limit = ARGV[arg_at + 4] + 0,
        window = ARGV[arg_at + 5] + 0,
      }
      arg_at = arg_at + 6
    end
    q.enforced = q.options % 2 == 0
    q.charges_denied = q.options >= 2
    holds = holds or q.letter == 'n'
    q.width = q.kind.commit and 2 or 1
    found[p] = q
    found.keys = found.keys + q.width
  end
  local word = found.mode
  if holds and (word == 'check' or word == 'release' or word == 'renew') then
    found.holder_at = arg_at
    arg_at = arg_at + checks
  end
  if found.ids then
    found.print_at = arg_at
    arg_at = arg_at + checks
    found.keys = found.keys + 1
  end
  return found
end

-- A policy's state for the check at hand; or nil and an error code.
local function read(q, at, holder)
  local key = KEYS[at]
  local value = known[key]
  if value == nil then
    value = held[at]
  elseif value == true then
    value = texts[key]
  elseif value then
    value = digits(value)
  end
  local s = { q = q, key = key, exists = value and true or false, text = '', till = 0 }
  s.cost = q.cost
  if q.width == 2 then s.beside, s.holder = KEYS[at + 1], holder end
  if value then
    if value == '' or #value > LONGEST_TEXT then return nil, FOREIGN end
    local text, till = match(value, '^(.-)b(%d+)$')
    s.text = text or value
    if till then s.till = till + 0 end
    if s.till > LATEST then return nil, FOREIGN end
  end
  s.blocked = max(0, s.till - wall)
  local code
  s.before, code = q.kind.read(q, s)
  if not s.before then return nil, code or FOREIGN end
  return s
end

-- Makes a key hold a text, with a block's end. Returns nothing, or an error code.
local function put(s, text, left, till)
  if till > 0 and till > wall - BACK then
    -- A block may outlast a TAT, which on its circle would then lie ahead again.
    if find(text, '^%d+$') then text = text .. ' ' .. digits(wall + ceil(left)) end
    text = text .. 'b' .. digits(till)
    left = max(left, till - wall)
  end
  local answer
  if text ~= '' and s.exists then
    answer = run('SET', s.key, text, 'PX', ttl(left))
  elseif text ~= '' then
    -- There may be a value of another type, which MGET shows as none.
    answer = run('SET', s.key, text, 'PX', ttl(left), 'NX')
    if not answer then return FOREIGN end
  elseif s.exists then
    answer = run('DEL', s.key)
  end
  local code = failure(answer)
  if code then return code end
  s.put, s.exists = true, text ~= ''
  known[s.key] = s.exists
  texts[s.key] = text
end

-- Makes `after` the state (nil: as it is), and `till` the end of its block.
local function change(s, after, till)
  local q, kind = s.q, s.q.kind
  s.after = after
  local text, left = kind.text(q, after or s.before)
  if not after then text = s.text end
  local code
  -- What stands beside a block lasts as long.
  local lasts = max(left, till - wall)
  if after and kind.commit then code = kind.commit(s, after, lasts) end
  if not code and (text ~= s.text or till ~= s.till) then code = put(s, text, left, till) end
  if not code and not after and kind.commit and left > 0 then
    code = failure(run('PEXPIRE', s.beside, ttl(lasts)))
  end
  return code
end

local function undo(s)
  local kind = s.q.kind
  if s.reached then kind.revert(s, s.after) end
  if not s.put then return end
  local _, left = kind.text(s.q, s.before)
  put(s, s.text, left, s.till)
end

-- What each mode does to the states of one check. Returns nothing, or an error code.
local modes = {}

function modes.peek() end

function modes.check(states)
  local allowed = true
  for p = 1, #states do
    local s = states[p]
    local q = s.q
    s.admits = s.cost == 0 or s.blocked == 0 and q.kind.fits(q, s.before)
    if q.enforced and not s.admits then allowed = false end
  end
  for p = 1, #states do
    local s = states[p]
    local q = s.q
    if s.cost > 0 then
      local after, code
      local till = s.till
      if allowed and s.admits then
        after, code = q.kind.charged(q, s.before, s)
      else
        if q.charges_denied then after, code = q.kind.charged_denied(q, s.before, s) end
        if not s.admits and q.block > 0 and s.blocked == 0 then till = wall + q.block end
      end
      if not code and (after or till ~= s.till) then code = change(s, after, till) end
      if code then return code end
    end
  end
  return nil, allowed
end

-- Those that only change one state after the other.
local function each(what)
  return function(states)
    for p = 1, #states do
      local s = states[p]
      local after, code = s.q.kind[what](s.q, s.before, s)
      if after then code = change(s, after, s.till) end
      if code then return code end
    end
  end
end
modes.debit, modes.credit = each('debited'), each('given_back')

function modes.abort(states)
  local given_back = 1
  for p = 1, #states do
    local s = states[p]
    local after, code, has_followers = s.q.kind.aborted(s.q, s.before, s)
    if after then code = change(s, after, s.till) end
    if code then return code end
    if has_followers then given_back = 0 end
  end
  return nil, given_back
end

function modes.block(states)
  for p = 1, #states do
    local code = change(states[p], nil, wall + states[p].q.block)
    if code then return code end
  end
end

function modes.unblock(states)
  for p = 1, #states do
    if states[p].till > 0 then
      local code = change(states[p], nil, 0)
      if code then return code end
    end
  end
end

-- These can be repeated, so what they did before one fails stays done.
local function slots(what)
  return function(states)
    local had_all = true
    for p = 1, #states do
      local had, code = states[p].q.kind[what](states[p])
      if code then return code end
      had_all = had_all and had
    end
    return nil, had_all and 1 or 0
  end
end
modes.release, modes.renew = slots('release'), slots('renew')

-- Says how things stood before the check.
local function say_readings(states)
  for p = 1, #states do
    local s = states[p]
    if s.blocked > 0 then
      say(-3)
      say(s.blocked)
    end
    for i = 1, #s.before do say(s.before[i]) end
  end
end

local function run_one(found)
  local decides = found.mode == 'check' or found.mode == 'peek'
  local holder, id
  if found.holder_at then
    holder = ARGV[found.holder_at]
    found.holder_at = found.holder_at + 1
  end
  local states, code, outcome = {}, nil, nil
  local at = key_at + 1
  key_at = key_at + found.keys
  if found.ids then
    id, code = found.ids.find(key_at, ARGV[found.print_at], found.mode, holder)
    found.print_at = found.print_at + 1
    if id and found.mode == 'release' then
      holder, code = found.ids.leave(id)
      if not holder then return say(code or 0) end
      id = nil
    elseif id and id.known and not decides then
      -- A debit or credit that was done already.
      return say(0)
    end
  end
  for p = 1, policies do
    local q = found[p]
    if code then break end
    if decides or q.cost > 0 then
      local s
      s, code = read(q, at, holder)
      states[#states + 1] = s
    end
    at = at + q.width
  end

  if not code and id and id.known and decides then code = found.ids.recall(id, states) end
  if not code then
    code, outcome = modes[found.mode](states)
    if not code and id then code = found.ids.keep(id, found.mode, states, outcome) end
    if code then
      for p = #states, 1, -1 do undo(states[p]) end
    end
  end
  if code then return say(code) end

  for p = 1, #states do
    local s = states[p]
    if s.after and s.q.kind.sweep then s.q.kind.sweep(s, s.after) end
  end
  if not decides then return say(outcome or 0) end
  if id and id.known then found.ids.say(id) end
  say_readings(states)
end

return { group = read_group, run = run_one }
