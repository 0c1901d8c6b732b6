-- Checks over policies of any kind, and all other operations: one at a time, each all or none.
--
-- A kind is a table, the twin of a class in native/core. `q` holds the numbers of a policy. `r` is a
-- reading: the state at the moment `at` (us since 1970), as integers in the order of the reply, and
-- whatever is needed to write it. `s` is the state of a key under a policy.
--   numbers           names of the policy's own numbers in q, in the order of ARGV: two or more
--   most              the largest number that a reading may hold
--   read(q, s, at)    the r of what s.text and s.beside hold; or nil and an error code
--   fits(q, r)        whether the cost is admitted beside it
--   charged, charged_denied, debited, given_back, aborted (q, r, at, s)
--                     another r; nil: nothing changes; or nil and an error code. aborted: or nil, nil
--                     and whether the charge was kept because others wait behind the call. Left out:
--                     charged_denied and debited are charged, and aborted is given_back
--   text(q, r, at)    the state as text, '' for none, and the us after which it has no meaning
-- A kind that keeps a collection beside the text has
--   commit(s, r, at, left)
--                     writes r, to last `left` us at least; returns nothing, or an error code
--   revert(s, r, at)  undoes a commit that has changed something (s.reached)
--   sweep(s, r, at)   drops what no longer counts; may fail
-- A kind whose calls hold slots has
--   holds, release, renew (s, at)
--                     whether s.holder had a slot; or nil and an error code
-- No kind reads a clock: `at` may lie in the past.

texts = {}

local match, gmatch = string.match, string.gmatch
local max, min, abs, ceil = math.max, math.min, math.abs, math.ceil
-- The latest time in a state, in us (in the year 2112), and the most units.
local LATEST, MOST = 4.5e15, 2 ^ 42
-- None of our texts is longer.
local LONGEST_TEXT = 120
local DUE = -6
-- The end of a block is kept for this time, in us, because the clock may step back behind it.
local BACK = 3 * 86400e6

local function digits(number) return format(DIGITS, number) end

-- The time to live, in ms, of a value that matters for `left` us.
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
  kind.charged_denied = kind.charged_denied or kind.charged
  kind.debited = kind.debited or kind.charged
  kind.aborted = kind.aborted or kind.given_back
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

-- Made like the kinds.
local reservations

-- The numbers of a policy in the modes that are words. The table is made with all of its fields at
-- once: growing it costs more than filling it.
local function read_policy(gives_back, with_ledger, gives_usage)
  local kind, options = kind_of(ARGV[arg_at]), ARGV[arg_at + 1] + 0
  local own = arg_at + (gives_back and 5 or 4)
  local names = kind.numbers
  local q = {
    letter = ARGV[arg_at],
    kind = kind,
    width = kind.commit and 2 or 1,
    enforced = options % 2 == 0,
    charges_denied = options >= 2,
    block = ARGV[arg_at + 2] + 0,
    cost = ARGV[arg_at + 3] + 0,
    mark = gives_back and ARGV[arg_at + 4] + 0,
    [names[1]] = ARGV[own] + 0,
    [names[2]] = ARGV[own + 1] + 0,
  }
  for i = 3, #names do q[names[i]] = ARGV[own + i - 1] + 0 end
  arg_at = own + #names
  if with_ledger then
    q.unit = ARGV[arg_at] + 0
    arg_at = arg_at + 1
  end
  if gives_usage then
    q.given = ARGV[arg_at] == '1'
    arg_at = arg_at + 1
  end
  return q
end

-- The same of a policy in mode 0 or 1.
local function plain_policy(p)
  return {
    kind = kind_of('t'),
    width = 1,
    enforced = true,
    charges_denied = false,
    block = 0,
    cost = charges[p] or 0,
    room = rooms[p],
  }
end

-- Shared with reservations.lua.
local put, change, modes
local RESERVATIONS = { reserve = true, extend = true, checkpoint = true, settle = true, cancel = true }
local function reservation_functions()
  reservations = reservations or (function()
    -- @include reservations.lua
  end)()
  return reservations
end

-- Reads the arguments of a group.
local function read_group()
  local found = { mode = mode, keys = 0 }
  if plain then
    found.mode = charging and 'check' or 'peek'
  else
    found.mode = match(mode, '%a+')
    if find(mode, '+', 1, true) then found.ids = id_functions() end
    found.with_ledgers = find(mode, '&', 1, true) ~= nil
  end
  local word = found.mode
  local reserves = found.with_ledgers and RESERVATIONS[word]
  local gives_back = word == 'credit' or word == 'abort'
  local holds = false
  for p = 1, policies do
    local q = plain and plain_policy(p) or read_policy(gives_back, found.with_ledgers, reserves)
    holds = holds or q.kind.holds ~= nil
    found[p] = q
    found.keys = found.keys + q.width + (found.with_ledgers and 1 or 0)
  end
  if reserves then
    found.reserves = reservation_functions().modes[word]
    found.span, found.rule = ARGV[arg_at] + 0, ARGV[arg_at + 1] + 0
    arg_at = arg_at + 2
    found.keys = found.keys + 1
    found.holder_at = arg_at
    arg_at = arg_at + checks
  elseif holds and (word == 'check' or word == 'release' or word == 'renew') then
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

-- A policy's state for the current check; or nil and an error code.
local function read(q, at, holder, with_ledger)
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
  s.cost, s.due, s.lasts = q.cost, 0, 0
  if q.width == 2 then s.beside, s.holder = KEYS[at + 1], holder end
  if with_ledger then s.ledger = KEYS[at + q.width] end
  if value then
    if value == '' or #value > LONGEST_TEXT then return nil, FOREIGN end
    local own, due, lasts = match(value, '^(.-)r(%d+)%.(%d+)$')
    if own then value, s.due, s.lasts = own, due + 0, lasts + 0 end
    local text, till = match(value, '^(.-)b(%d+)$')
    s.text = text or value
    if till then s.till = till + 0 end
    if s.till > LATEST or s.due > LATEST or s.lasts > LATEST then return nil, FOREIGN end
  end
  s.blocked = max(0, s.till - wall)
  local code
  if s.due > 0 and wall >= s.due then
    if not with_ledger then return nil, DUE end
    code = reservation_functions().settle_due(s)
    if code then return nil, code end
    return s
  end
  s.before, code = q.kind.read(q, s, wall)
  if not s.before then return nil, code or FOREIGN end
  return s
end

-- Writes a key's text, with a block's end and what reservations need. Returns nothing, or an error code.
function put(s, text, left, till)
  local own = text
  local is_blocked = till > 0 and till > wall - BACK
  -- Both may outlast a TAT, which on its circle would then be ahead again.
  if (is_blocked or s.due > 0) and find(text, '^%d+$') then
    text = text .. ' ' .. digits(wall + ceil(left))
    own = text
  end
  if is_blocked then
    text = text .. 'b' .. digits(till)
    left = max(left, till - wall)
  end
  if s.due > 0 then
    text = text .. 'r' .. digits(s.due) .. '.' .. digits(s.lasts)
    left = max(left, s.lasts - wall)
  end
  local answer
  if text ~= '' and s.exists then
    answer = run('SET', s.key, text, 'PX', ttl(left))
  elseif text ~= '' then
    -- There may be a value of another type, which MGET does not show.
    answer = run('SET', s.key, text, 'PX', ttl(left), 'NX')
    if not answer then return FOREIGN end
  elseif s.exists then
    answer = run('DEL', s.key)
  end
  local code = failure(answer)
  if code then return code end
  s.put, s.exists = true, text ~= ''
  s.old_text, s.text = s.old_text or s.text, own
  known[s.key] = s.exists
  texts[s.key] = text
end

-- Sets the state to `after` (nil: as it is), and the end of its block to `till`, as at `at`.
function change(s, after, till, at)
  local q, kind = s.q, s.q.kind
  s.after = after
  local text, left = kind.text(q, after or s.before, at)
  left = left - (wall - at)
  if not after then text = s.text end
  local code
  -- A state beside a block or a reservation lives as long.
  local lasts = max(left, till - wall, s.due > 0 and s.lasts - wall or 0)
  if after and kind.commit then code = kind.commit(s, after, at, lasts) end
  if not code and (text ~= s.text or till ~= s.till) then code = put(s, text, left, till) end
  if not code and not after and kind.commit and left > 0 then
    code = failure(run('PEXPIRE', s.beside, ttl(lasts)))
  end
  return code
end

local function undo(s)
  local kind = s.q.kind
  if s.reached then kind.revert(s, s.after, wall) end
  if not s.put then return end
  local _, left = kind.text(s.q, s.before, wall)
  put(s, s.old_text, left, s.till)
end

-- Each mode's operation on the states of one check. Returns nothing, or an error code.
modes = {}

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
        after, code = q.kind.charged(q, s.before, wall, s)
      else
        if q.charges_denied then after, code = q.kind.charged_denied(q, s.before, wall, s) end
        if not s.admits and q.block > 0 and s.blocked == 0 then till = wall + q.block end
      end
      if not code and (after or till ~= s.till) then code = change(s, after, till, wall) end
      if code then return code end
    end
  end
  return nil, allowed
end

-- Changes one state after the other.
local function each(states, what)
  for p = 1, #states do
    local s = states[p]
    local after, code = s.q.kind[what](s.q, s.before, wall, s)
    if after then code = change(s, after, s.till, wall) end
    if code then return code end
  end
end

function modes.debit(states) return each(states, 'debited') end

function modes.credit(states) return each(states, 'given_back') end

function modes.abort(states)
  local given_back = 1
  for p = 1, #states do
    local s = states[p]
    local after, code, has_followers = s.q.kind.aborted(s.q, s.before, wall, s)
    if after then code = change(s, after, s.till, wall) end
    if code then return code end
    if has_followers then given_back = 0 end
  end
  return nil, given_back
end

function modes.block(states)
  for p = 1, #states do
    local code = change(states[p], nil, wall + states[p].q.block, wall)
    if code then return code end
  end
end

function modes.unblock(states)
  for p = 1, #states do
    if states[p].till > 0 then
      local code = change(states[p], nil, 0, wall)
      if code then return code end
    end
  end
end

-- Releases or renews slots. Both can be repeated, so what was done before a failure stays done.
local function slots(states, what)
  local had_all = true
  for p = 1, #states do
    local had, code = states[p].q.kind[what](states[p], wall)
    if code then return code end
    had_all = had_all and had
  end
  return nil, had_all and 1 or 0
end

function modes.release(states) return slots(states, 'release') end

function modes.renew(states) return slots(states, 'renew') end

-- Appends the readings from before the check to the reply.
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
      -- A repeated debit or credit.
      return say(0)
    end
  end
  for p = 1, policies do
    local q = found[p]
    if code then break end
    if decides or found.reserves or q.cost > 0 then
      local s
      s, code = read(q, at, holder, found.with_ledgers)
      states[#states + 1] = s
    end
    at = at + q.width + (found.with_ledgers and 1 or 0)
  end

  if not code and id and id.known and decides then code = found.ids.recall(id, states) end
  local said_before = said
  if not code then
    if found.reserves then
      code, outcome = found.reserves(states, found, holder, key_at)
    else
      code, outcome = modes[found.mode](states)
    end
    if not code and id then code = found.ids.keep(id, found.mode, states, outcome) end
    if code then
      for p = #states, 1, -1 do undo(states[p]) end
    end
  end
  if code then
    while said > said_before do
      reply[said] = nil
      said = said - 1
    end
    return say(code)
  end

  for p = 1, #states do
    local s = states[p]
    if s.after and s.q.kind.sweep then s.q.kind.sweep(s, s.after, wall) end
  end
  if found.reserves then
    if outcome then say_readings(states) end
    return
  end
  if not decides then return say(outcome or 0) end
  if id and id.known then found.ids.say(id) end
  say_readings(states)
end

return { group = read_group, run = run_one }
